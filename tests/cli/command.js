// Runs build/wasi/sotto.wasm under wasmtime, in the root of the repository and with nothing granted
// but the folders that a test names.
//   UPDATE_EXPECTED=1 node --test tests/cli/    writes tests/cli/expected/ anew
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))
export const wasmtime = process.env.WASMTIME || join(root, '.toolchain/wasmtime/bin/wasmtime')
export const module = process.env.SOTTO_WASM || join(root, 'build/wasi/sotto.wasm')
export const tiny = (type) => `models/tiny/tiny-${type}.gguf`

/** The default model, or null where it has not been fetched. */
const smollm = 'models/cache/SmolLM2-135M-Instruct.Q4_1.gguf'
export const defaultModel = existsSync(join(root, smollm)) ? smollm : null

/** A folder for one test file, removed at its end. */
export const scratch = mkdtempSync(join(tmpdir(), 'sotto-cli-'))
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }))

/** Compiled once a test file: the module that the tests run. */
const compiled = join(scratch, 'sotto.cwasm')
const compile = spawnSync(wasmtime, ['compile', '-o', compiled, module], { encoding: 'utf8' })
if (compile.status !== 0) throw new Error(`${wasmtime} compile: ${compile.stderr}`)

/** The arguments of wasmtime that run the command with these folders granted. */
export const command = (dirs = ['models', scratch], flags = []) => [
  'run',
  '--allow-precompiled',
  ...flags,
  ...dirs.map((dir) => `--dir=${dir}`),
  compiled,
]

/**
 * Runs `sotto …args`. Standard input is empty unless `input` (text or bytes) says otherwise; flags
 * are wasmtime's.
 * @returns {Promise<{code: number, stdout: string, stderr: string, bytes: Buffer}>}
 */
export function sotto(args, { input = '', dirs, flags } = {}) {
  return new Promise((done, fail) => {
    const child = spawn(wasmtime, [...command(dirs, flags), ...args], { cwd: root })
    const out = []
    const err = []
    child.stdout.on('data', (data) => out.push(data))
    child.stderr.on('data', (data) => err.push(data))
    child.stdin.on('error', () => {}) // a command that does not read its input
    child.stdin.end(input)
    child.on('error', fail)
    child.on('close', (code) => {
      const bytes = Buffer.concat(out)
      done({ code, bytes, stdout: bytes.toString(), stderr: Buffer.concat(err).toString() })
    })
  })
}

/** Runs `sotto …args`, which must end with 0 and say nothing on standard error. */
export async function succeeds(args, options) {
  const result = await sotto(args, options)
  assert.equal(result.stderr, '', `sotto ${args.join(' ')}`)
  assert.equal(result.code, 0, `sotto ${args.join(' ')}`)
  return result.stdout
}

export const json = async (args, options) => JSON.parse(await succeeds(args, options))

/** Runs `sotto …args`, which must end with `code` and this message, printing nothing else. */
export async function failsWith(code, message, args, options) {
  const result = await sotto(args, options)
  const what = `sotto ${args.join(' ')}`
  if (message instanceof RegExp) assert.match(result.stderr, message, what)
  else assert.equal(result.stderr, `sotto: ${message}\n`, what)
  assert.equal(result.stdout, '', what)
  assert.equal(result.code, code, what)
}

/** Compares with tests/cli/expected/<name>. */
export function expectFile(name, actual) {
  const path = join(root, 'tests/cli/expected', name)
  if (process.env.UPDATE_EXPECTED) writeFileSync(path, actual)
  assert.equal(actual, existsSync(path) ? readFileSync(path, 'utf8') : '', name)
}
