// `npm run -s sotto -- run -m model.gguf -p …`: the WASI command under wasmtime. It may see the folders of
// the files that its options name, nothing else.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { build } from './build.mjs'
import { grant } from './lib/grants.mjs'
import { main } from './lib/main.mjs'
import { inRoot } from './lib/paths.mjs'
import { reportTo } from './lib/report.mjs'
import { wasmtime } from './setup/packages.mjs'
import { setup } from './setup.mjs'

const module = inRoot('build', 'wasi', 'sotto.wasm')
/** npm moves to the root of the project; the user's paths are relative to where they are. */
const cwd = process.env.INIT_CWD ?? process.cwd()

await main(async () => {
  reportTo(process.stderr)
  await setup('cli')
  if (!existsSync(module)) await build('wasi')
  const { args, folders } = grant(process.argv.slice(2), cwd)
  const grants = folders.map((folder) => `--dir=${folder}`)
  const child = spawn(wasmtime(), ['run', ...grants, module, ...args], { cwd, stdio: 'inherit' })
  // Ctrl-C goes to both; the command decides how it ends.
  process.on('SIGINT', () => {})
  process.exitCode = await new Promise((done, fail) => {
    child.on('error', fail)
    child.on('close', (code, signal) => done(signal ? 130 : code))
  })
})
