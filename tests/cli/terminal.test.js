// On a terminal: progress that never wraps, and Ctrl-C in a conversation.
import assert from 'node:assert/strict'
import { copyFileSync, existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { command, root, scratch, tiny, wasmtime } from './command.js'
import { columnsOf, haveScript, Terminal } from './lib/terminal.js'

const skip = !haveScript && "no util-linux 'script'"
const native = join(root, 'build/native/sotto')
const ETX = '\x03'

for (const [columns, env] of [
  [40, ['--env=COLUMNS=40']],
  [80, []],
]) {
  test(`progress on ${columns} columns stays in its line, whatever the model is called`, {
    skip,
  }, async () => {
    const folder = join(scratch, `a folder ${'with a long name '.repeat(4)}`)
    const path = join(folder, '\u001b[31m小さな模型.gguf')
    mkdirSync(folder, { recursive: true })
    copyFileSync(join(root, tiny('q8_0')), path)
    const args = ['run', '-m', path, '-p', 'x', '-n', '1']
    const terminal = new Terminal([wasmtime, ...command([folder], env), ...args], { columns })
    assert.equal(await terminal.ended, 0, terminal.output)
    const lines = terminal.output.split(/\r/).filter((line) => line.startsWith('sotto: loading'))
    assert.ok(lines.length > 0, terminal.output)
    for (const line of lines) {
      assert.match(line, /^sotto: loading ….*小さな模型\.gguf \d+ %$/)
      assert.ok(!line.includes('\u001b'))
      assert.ok(columnsOf(line) < columns, `${columnsOf(line)} columns: ${line}`)
    }
  })
}

/** An answer that goes on for minutes; a model so small is done with any other at once. */
const endless = [
  'chat',
  '-m',
  tiny('q8_0'),
  '-c',
  '16384',
  '-n',
  '-1',
  '--ignore-eos',
  '--temp',
  '0',
]

/** Two answers that are interrupted, then the program. */
async function interrupt(words, env) {
  const terminal = new Terminal(words, { env })
  await terminal.until('Ctrl-C ends an answer.')
  for (const message of ['Hello', 'And now?']) {
    await terminal.until('> ')
    terminal.send(`${message}\n`)
    await terminal.until(`${message}\r\n`)
    await sleep(500)
    terminal.send(ETX)
  }
  await terminal.until('> ')
  await sleep(300) // what comes sooner counts as the same one
  terminal.send(ETX)
  return terminal.ended
}

test('Ctrl-C ends an answer, a second one the program: by the launcher', { skip }, async () => {
  const words = [process.execPath, 'tools/sotto.mjs', ...endless]
  assert.equal(await interrupt(words, { INIT_CWD: root }), 130)
})

test('the same natively', {
  skip: skip || (!existsSync(native) && 'no native build'),
}, async () => {
  assert.equal(await interrupt([native, ...endless]), 130)
})
