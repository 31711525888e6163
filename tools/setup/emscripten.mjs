// Emscripten for machines whose distribution has none that is new enough: Debian 13's packages,
// fetched from the machine's own Debian mirror and unpacked into .toolchain/emscripten. They use
// the system's clang 19; binaryen's programs get Debian 13's C library beside them.
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { isMade, makeFolder, readText } from '../lib/files.mjs'
import { toolchain } from '../lib/paths.mjs'
import { ask, run, which } from '../lib/proc.mjs'
import { step } from '../lib/report.mjs'
import { llvmBin } from './system.mjs'

const minimum = [3, 1, 60]
const suite = 'trixie'
const packages = ['emscripten', 'binaryen', 'libc6', 'libstdc++6', 'libgcc-s1', 'node-acorn']
const home = join(toolchain, 'emscripten')
/** System libraries, built beforehand by the package. */
const cache = 'usr/share/emscripten/cache'
/** 1.2 GB of libraries for kinds of builds that this project does not make. */
const unused = ['lto', 'lto-pic', 'pic'].map(
  (kind) => `${cache}/sysroot/lib/wasm32-emscripten/${kind}`,
)
const stamp = `emscripten from ${suite}, layout 2`

/** The user's own emcc, if it is new enough. */
export function ownEmcc() {
  const emcc = which('emcc')
  const version = emcc && ask(emcc, ['--version']).match(/(\d+)\.(\d+)\.(\d+)/)
  if (!version) return undefined
  const parts = version.slice(1).map(Number)
  const first = parts.findIndex((part, i) => part !== minimum[i])
  return first < 0 || parts[first] > minimum[first] ? emcc : undefined
}

export const haveEmscripten = () => isMade(home, stamp) || ownEmcc() !== undefined

export async function installEmscripten() {
  if (haveEmscripten()) return
  await makeFolder(home, stamp, async (folder) => {
    const debs = join(folder, 'debs')
    mkdirSync(debs)
    await step('Emscripten: package list', () => privateApt(folder))
    const env = { APT_CONFIG: join(folder, 'apt.conf') }
    await step('Emscripten: download (about 245 MB)', async (state) => {
      state.watch = debs
      await run('apt-get', ['download', ...packages], { cwd: debs, env })
    })
    await step('Emscripten: unpack', async () => {
      for (const deb of readdirSync(debs)) await run('dpkg', ['-x', join(debs, deb), folder])
      for (const name of ['debs', 'apt', 'apt.conf', ...unused]) {
        rmSync(join(folder, name), { recursive: true, force: true })
      }
      await useOwnLibc(folder)
      configure(folder)
    })
  })
}

/** An apt configuration with lists and cache of its own, reading Debian 13 from the same mirror. */
async function privateApt(folder) {
  const apt = join(folder, 'apt')
  for (const sub of ['state/lists/partial', 'cache/archives/partial']) {
    mkdirSync(join(apt, sub), { recursive: true })
  }
  writeFileSync(join(apt, 'status'), '')
  const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg'
  const option = existsSync(keyring) ? `[signed-by=${keyring}] ` : ''
  writeFileSync(join(apt, 'sources.list'), `deb ${option}${debianMirror()} ${suite} main\n`)
  const config = {
    'Dir::State': join(apt, 'state'),
    'Dir::State::status': join(apt, 'status'),
    'Dir::Cache': join(apt, 'cache'),
    'Dir::Etc::SourceList': join(apt, 'sources.list'),
    'Dir::Etc::SourceParts': '/dev/null',
    'Dir::Etc::Preferences': '/dev/null',
    'Dir::Etc::PreferencesParts': '/dev/null',
    'APT::Sandbox::User': 'root',
    'APT::Architecture': ask('dpkg', ['--print-architecture']).trim(),
  }
  const lines = Object.entries(config).map(([key, value]) => `${key} "${value}";\n`)
  writeFileSync(join(folder, 'apt.conf'), lines.join(''))
  await run('apt-get', ['update', '-q'], { env: { APT_CONFIG: join(folder, 'apt.conf') } })
}

/** The mirror that this machine takes its own Debian from. */
function debianMirror() {
  const release = readText('/etc/os-release') ?? ''
  const codename = release.match(/^VERSION_CODENAME="?(\w+)/m)?.[1]
  const format = ['--format', '$(REPO_URI) $(RELEASE) $(COMPONENT)', 'Created-By: Packages']
  const lines = ask('apt-get', ['indextargets', ...format]).split('\n')
  const wanted = [codename, 'stable', 'oldstable']
  const line = lines.find((text) => {
    const [, name, component] = text.split(' ')
    return wanted.includes(name) && component === 'main'
  })
  if (!/^ID=debian$/m.test(release) || !line) {
    throw new Error(
      'Emscripten: this system has no Debian package source to take it from.\n' +
        'Install emsdk 3.1.60 or later by hand and put its emcc on PATH.',
    )
  }
  return line.split(' ')[0]
}

/** Points binaryen's programs at the C library that came with them. Paths are the final ones. */
async function useOwnLibc(folder) {
  const multiarch = readdirSync(join(folder, 'usr', 'lib')).find((name) =>
    name.endsWith('-linux-gnu'),
  )
  const libraries = join('usr', 'lib', multiarch)
  const loader = readdirSync(join(folder, libraries)).find((name) => /^ld-linux/.test(name))
  const patch = [
    ...['--set-interpreter', join(home, libraries, loader)],
    ...['--set-rpath', join(home, libraries)],
  ]
  const programs = readdirSync(join(folder, 'usr', 'bin')).filter((name) => /^wasm/.test(name))
  for (const name of programs) {
    await run('patchelf', [...patch, join(folder, 'usr', 'bin', name)])
  }
}

/** Emscripten reads `.emscripten` beside its own files, so that no variable has to be set. */
function configure(folder) {
  const share = join(folder, 'usr', 'share')
  symlinkSync('../nodejs', join(share, 'emscripten', 'node_modules'))
  const settings = {
    LLVM_ROOT: llvmBin() ?? dirname(which('clang-19')),
    BINARYEN_ROOT: join(home, 'usr'),
    NODE_JS: process.execPath,
    CACHE: join(home, cache),
  }
  const lines = Object.entries(settings).map(([key, value]) => `${key} = ${JSON.stringify(value)}`)
  const text = [...lines, 'FROZEN_CACHE = False', ''].join('\n')
  writeFileSync(join(share, 'emscripten', '.emscripten'), text)
  // Its CommonJS scripts must not inherit "type": "module" from our package.json.
  writeFileSync(join(folder, 'package.json'), '{}\n')
}
