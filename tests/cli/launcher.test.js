// `npm run -s sotto`: the command with the folders that it needs, from wherever it is called.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { root, scratch, succeeds, tiny } from './command.js'

const here = join(scratch, 'here')
const inScratch = (...parts) => join(scratch, ...parts)
for (const folder of ['here', 'my models', 'hub/blobs', 'hub/snapshots/r', 'states']) {
  mkdirSync(inScratch(folder), { recursive: true })
}
copyFileSync(join(root, tiny('f32')), inScratch('my models', 'x.gguf'))
copyFileSync(join(root, tiny('f32')), inScratch('hub', 'blobs', '1f'))
symlinkSync('../../blobs/1f', inScratch('hub', 'snapshots', 'r', 'x.gguf'))

/** As npm runs it: in the project's folder, the user's own in a variable. */
const launch = (args) => {
  const env = { ...process.env, INIT_CWD: here }
  const options = { cwd: root, env, encoding: 'utf8', input: '' }
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['tools/sotto.mjs', ...args],
    options,
  )
  return { code: status, stdout, stderr }
}

const ask = ['-p', 'Hello', '--temp', '0', '-n', '8']

test('a model beside the current folder, one behind a link, a state to be written', async () => {
  const expected = await succeeds(['run', '-m', tiny('f32'), ...ask])
  const save = ['--save-state', '../states/new']
  for (const path of ['../my models/x.gguf', '../hub/snapshots/r/x.gguf']) {
    const result = launch(['run', `--model=${path}`, ...ask, ...save])
    assert.deepEqual(result, { code: 0, stdout: expected, stderr: '' })
  }
  assert.ok(existsSync(inScratch('states', 'new')))
})

test('what cannot be granted is said before wasmtime starts', () => {
  const { code, stderr } = launch(['inspect', '-m', '../none/x.gguf'])
  assert.deepEqual([code, stderr], [1, '\n../none/x.gguf: there is no folder ../none\n'])
})
