// Programs and libraries of the system: what is missing, and apt packages for it. Without root or
// apt it says in one screen what to install.
import { existsSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ask, run, which } from '../lib/proc.mjs'
import { say, step } from '../lib/report.mjs'

const llvm = '/usr/lib/llvm-19'
const runtime = `${llvm}/lib/clang/19/lib`
const cpu = process.arch === 'arm64' ? 'aarch64' : 'x86_64'

const llvmPrograms = ['clang', 'wasm-ld', 'llvm-ar', 'llvm-objdump']

/** The folder with clang 19 and its tools under their plain names, as Emscripten wants it. */
export const llvmBin = () =>
  llvmPrograms.every((name) => which(`${llvm}/bin/${name}`)) ? `${llvm}/bin` : undefined

/** The Chromium for the browser tests: CHROMIUM in the environment, else the one on PATH. */
export const chromium = () =>
  which(process.env.CHROMIUM) ?? which('chromium') ?? which('chromium-browser')

/** The Firefox for the browser tests: FIREFOX in the environment, else the one on PATH. */
export const firefox = () => which(process.env.FIREFOX) ?? which('firefox-esr') ?? which('firefox')

/**
 * WebKitGTK's driver, which knows its own browser: WEBKIT_DRIVER in the environment, else on PATH.
 */
export const webkitDriver = () => which(process.env.WEBKIT_DRIVER) ?? which('WebKitWebDriver')

/**
 * The Vulkan driver under WebGPU in Node.js: VK_ICD_FILENAMES in the environment, else the
 * SwiftShader that Chromium brings, which computes on the CPU.
 */
export function vulkanDriver() {
  if (process.env.VK_ICD_FILENAMES) return process.env.VK_ICD_FILENAMES
  const program = chromium()
  const folders = [program && dirname(realpathSync(program)), '/usr/lib/chromium'].filter(Boolean)
  return folders.map((folder) => join(folder, 'vk_swiftshader_icd.json')).find(existsSync)
}

export const clangFormat = () => which('clang-format-19') ?? which(`${llvm}/bin/clang-format`)

const newEnough = (program, major, minor) => {
  const version = ask(program, ['--version']).match(/(\d+)\.(\d+)/)
  return version && (version[1] > major || (+version[1] === major && version[2] >= minor))
}

/** What the tools can ask for. `or` is the way without apt. */
const parts = {
  cmake: {
    packages: ['cmake'],
    have: () => newEnough('cmake', 3, 25),
    or: 'CMake 3.25 or later on PATH',
  },
  ninja: { packages: ['ninja-build'], have: () => which('ninja'), or: 'ninja on PATH' },
  llvm: {
    packages: ['clang-19', 'lld-19', 'llvm-19'],
    have: llvmBin,
    or: 'for the web build alone: emsdk 3.1.60 or later, with emcc on PATH',
  },
  patchelf: {
    packages: ['patchelf'],
    have: () => which('patchelf'),
    or: 'emsdk 3.1.60 or later, with emcc on PATH',
  },
  pip: {
    packages: ['python3', 'python3-pip'],
    have: () => ask('python3', ['-m', 'pip', '--version']),
    or: 'Python 3 with pip',
  },
  sanitizers: {
    packages: ['libclang-rt-19-dev'],
    have: () => existsSync(`${runtime}/linux/libclang_rt.asan-${cpu}.a`),
    or: "clang 19's sanitizer runtimes",
  },
  wasi: {
    packages: ['wasi-libc', 'libclang-rt-19-dev-wasm32'],
    have: () =>
      existsSync('/usr/include/wasm32-wasi/stdio.h') &&
      existsSync(`${runtime}/wasi/libclang_rt.builtins-wasm32.a`),
    or: 'wasi-sdk, with WASI_SDK_PATH set',
  },
  clangFormat: { packages: ['clang-format-19'], have: clangFormat, or: 'clang-format 19' },
  chromium: {
    packages: ['chromium'],
    have: chromium,
    or: 'any Chromium, with CHROMIUM set to its path',
  },
  vulkan: {
    packages: ['libvulkan1'],
    have: () => ask('/sbin/ldconfig', ['-p']).includes('libvulkan.so.1 '),
    or: 'a Vulkan loader, libvulkan.so.1, where ldconfig finds it',
  },
  swiftshader: {
    packages: ['chromium-common'],
    have: vulkanDriver,
    or: 'any driver for Vulkan, with VK_ICD_FILENAMES set to its JSON file',
  },
  firefox: {
    packages: ['firefox-esr'],
    have: firefox,
    or: 'any Firefox, with FIREFOX set to its path',
  },
  webkit: {
    packages: ['webkit2gtk-driver'],
    have: webkitDriver,
    or: "WebKitGTK's or WPE's WebKitWebDriver, with WEBKIT_DRIVER set to its path",
  },
  xvfb: { packages: ['xvfb'], have: () => which('Xvfb'), or: 'Xvfb on PATH' },
}

export const missingParts = (names) => names.filter((name) => !parts[name].have())

/** Installs the named parts that are missing. */
export async function installParts(names) {
  const missing = missingParts(names)
  if (!missing.length) return
  const packages = missing.flatMap((name) => parts[name].packages)
  const obstacle = whyNotApt()
  if (obstacle) throw new Error(helpScreen(missing, packages, obstacle))

  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  const patience = ['-o', 'DPkg::Lock::Timeout=600']
  await step('System: package lists', () => run('apt-get', ['update', '-q', ...patience], { env }))
  say(`    ${packages.join(' ')}`)
  await step('System: packages', async (state) => {
    const args = ['install', '-y', '-q', '--no-install-recommends', ...patience, ...packages]
    const onLine = (line) => {
      state.note = line
    }
    await run('apt-get', args, { env, onLine })
  })
  const still = missingParts(missing)
  if (still.length) throw new Error(helpScreen(still, packages, 'apt-get did not bring them'))
}

function whyNotApt() {
  if (!which('apt-get')) return 'there is no apt-get here'
  if (process.getuid?.() !== 0) return 'that takes root'
  return undefined
}

function helpScreen(missing, packages, obstacle) {
  const rows = missing.map(
    (name) => `  ${parts[name].packages.join(' ')}\n      or: ${parts[name].or}`,
  )
  return [
    `Some programs are missing, and they cannot be installed from here: ${obstacle}.`,
    '',
    'Missing (Debian package names):',
    ...rows,
    '',
    'On Debian 12 or 13, as root:',
    `  apt-get install --no-install-recommends ${packages.join(' ')}`,
    '',
    'Then run the same command again.',
  ].join('\n')
}
