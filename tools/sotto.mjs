// `npm run -s sotto -- run -m model.gguf -p …`: the WASI command under wasmtime. It may see the
// current folder and the folders of the files that its arguments name, nothing else.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, isAbsolute, relative, resolve } from 'node:path'
import { build } from './build.mjs'
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
  const args = process.argv.slice(2)
  const grants = foldersOf(args).map((folder) => `--dir=${folder}`)
  const child = spawn(wasmtime(), ['run', ...grants, module, ...args], { cwd, stdio: 'inherit' })
  // Ctrl-C goes to both; the command decides how it ends.
  process.on('SIGINT', () => {})
  process.exitCode = await new Promise((done, fail) => {
    child.on('error', fail)
    child.on('close', (code, signal) => done(signal ? 130 : code))
  })
})

/** The current folder, and that of each argument (or --flag=value) that names an existing file. */
function foldersOf(args) {
  const folders = new Set(['.'])
  for (const arg of args) {
    const path = arg.startsWith('-') ? arg.slice(arg.indexOf('=') + 1) : arg
    if (!path || path.startsWith('-')) continue
    const full = resolve(cwd, path)
    const inside = !isAbsolute(path) && !relative(cwd, full).startsWith('..')
    const folder = dirname(path)
    if (!inside && folder !== path && existsSync(full)) folders.add(folder)
  }
  return [...folders]
}
