// Progress of the tools: alive on a terminal, and never wider than it.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { inRoot } from '../../tools/lib/paths.mjs'
import { fit, reportTo, step } from '../../tools/lib/report.mjs'

afterEach(() => reportTo(process.stdout))

const wide = (letter) =>
  /[\u3000-\u9fff\uac00-\ud7a3\uff01-\uff60\u{1f300}-\u{1faff}]/u.test(letter)
const columnsOf = (line) => [...line].reduce((sum, letter) => sum + (wide(letter) ? 2 : 1), 0)

test('a line is cut before the last column, wide letters counted twice', () => {
  const lines = [
    'short',
    'a line of forty letters, more or less …',
    '模型を読み込んでいます、少々お待ち下さい',
    'a🙂b🙂c🙂d🙂',
  ]
  for (const line of lines) {
    for (let columns = 2; columns < 60; columns++) {
      const cut = fit(line, columns)
      assert.ok(columnsOf(cut) < columns, `${columns}: ${cut}`)
      if (columnsOf(line) < columns) assert.equal(cut, line)
      else assert.ok(columnsOf(cut) >= columns - 2 && cut.endsWith('…'), `${columns}: ${cut}`)
    }
  }
  assert.equal(fit('x'.repeat(200), 0).length, 79)
  assert.equal(fit('\u001b[31mred\u001b[0m\ttab', 80), 'red tab')
})

test('a step on a narrow terminal rewrites one line', async () => {
  let written = ''
  reportTo({ isTTY: true, columns: 30, write: (text) => (written += text) })
  await step('Something with a long title', async (state) => {
    state.note = '模型 '.repeat(20)
    await sleep(600)
  })
  const [live] = written.split('\n')
  const drawn = live.split('\r\u001b[K')
  const last = drawn.pop()
  assert.match(last, /^ {2}✓ Something with a long title/)
  assert.ok(drawn.length > 2)
  for (const line of drawn) assert.ok(columnsOf(line) < 30, line)
})

test('the summary of a run names what failed: a test, or a file whose process ended', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-failures-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = (name, text) => {
    writeFileSync(join(folder, name), `import { test } from 'node:test'\n${text}\n`)
    return join(folder, name)
  }
  const files = [
    file('one.mjs', "test('outer', (t) => t.test('inner', () => { throw new Error('why') }))"),
    file(
      'two.mjs',
      "test('good', () => {})\nsetTimeout(process.kill, 200, process.pid, 'SIGSEGV')",
    ),
    file('three.mjs', "test('good', () => {})"),
  ]
  const reporter = `--test-reporter=${inRoot('tools/lib/failures.mjs')}`
  const env = { ...process.env, NODE_TEST_CONTEXT: undefined }
  const { stdout } = spawnSync(process.execPath, ['--test', reporter, ...files], {
    env,
    encoding: 'utf8',
  })
  const lines = stdout.trim().split('\n')
  assert.deepEqual(
    lines.map((line) => line.replace(/^\S*\//, '')),
    ['one.mjs:2  inner', '  why', 'two.mjs', '  its process ended by SIGSEGV'],
  )
})
