// `npm run -s sotto -- run -m model.gguf -p …`: the WASI command under wasmtime. It may see the
// folders of the files that its options name, nothing else.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, unlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from './build.mjs'
import { grant } from './lib/grants.mjs'
import { main } from './lib/main.mjs'
import { inRoot } from './lib/paths.mjs'
import { reportTo } from './lib/report.mjs'
import { wasmtime } from './setup/packages.mjs'
import { setup } from './setup.mjs'

const SAME_INTERRUPT_MS = 200
const module = inRoot('build', 'wasi', 'sotto.wasm')
/** npm moves to the root of the project; the user's paths are relative to where they are. */
const cwd = process.env.INIT_CWD ?? process.cwd()

await main(async () => {
  reportTo(process.stderr)
  await setup('cli')
  if (!existsSync(module)) await build('wasi')
  const { args, folders } = grant(process.argv.slice(2), cwd)
  const grants = folders.map((folder) => `--dir=${folder}`)
  const columns = process.stderr.columns
  if (columns) grants.push(`--env=COLUMNS=${columns}`)
  const channel = args[0] === 'chat' ? mkdtempSync(join(tmpdir(), 'sotto-')) : undefined
  try {
    process.exitCode = await (channel ? chat : run)(['run', ...grants], [module, ...args], channel)
  } finally {
    if (channel) rmSync(channel, { recursive: true, force: true })
  }
})

/** The terminal sends Ctrl-C to wasmtime too, which ends by it. */
function run(options, command) {
  process.on('SIGINT', () => {})
  return ended(spawn(wasmtime(), [...options, ...command], { cwd, stdio: 'inherit' }))
}

/**
 * WASI knows no signals, and wasmtime would end by one: it is started so that it does not hear
 * Ctrl-C. A file in the channel is there while an answer is under way, and the command ends the
 * answer when it is gone.
 */
function chat(options, command, channel) {
  const answering = join(channel, 'answering')
  const own = [`--dir=${channel}`, `--env=SOTTO_ANSWERING=${answering}`]
  const deaf = ['-c', 'trap "" INT; exec "$0" "$@"', wasmtime(), ...options, ...own, ...command]
  const child = spawn('sh', deaf, { cwd, stdio: 'inherit' })
  let last = Number.NEGATIVE_INFINITY
  process.on('SIGINT', () => {
    // npm gets Ctrl-C as well and passes it on: one key comes twice.
    const again = performance.now() - last < SAME_INTERRUPT_MS
    if (again) return
    last = performance.now()
    try {
      unlinkSync(answering)
    } catch {
      child.kill('SIGTERM') // no answer, or one that is ending already
      if (process.stderr.isTTY) process.stderr.write('\n')
    }
  })
  return ended(child)
}

function ended(child) {
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill())
  return new Promise((done, fail) => {
    child.on('error', fail)
    child.on('close', (code, signal) => done(signal ? 130 : code))
  })
}
