// `npm test`: everything, in sections, with a summary at the end.
//   npm test [-- lint modules c cli js gpu browser]      names choose sections
// JavaScript tests run under the Node.js that runs npm and again under Node.js 24, except those in
// tests/js/once/ (bundlers and the like), whose subject is not the version of Node.js, and those in
// tests/gpu/, which take minutes on SwiftShader: of these the older one runs what depends on it.
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { build } from './build.mjs'
import { main } from './lib/main.mjs'
import { inRoot, root } from './lib/paths.mjs'
import { run } from './lib/proc.mjs'
import { say, seconds } from './lib/report.mjs'
import { filesUnder } from './lint/source.mjs'
import { lint, lintModules } from './lint.mjs'
import { isNewNode, newerNode, wasmtime } from './setup/packages.mjs'
import { chromium, firefox, webkitDriver } from './setup/system.mjs'
import { setup } from './setup.mjs'
import { buildSite } from './site.mjs'

/** In order; `needs` names the presets that are built before. */
const sections = {
  lint: {
    // The types of the library refer to the built modules.
    needs: ['web'],
    parts: () => [
      ['tools', () => nodeTests(process.execPath, testsIn('tests/tools'))],
      ['lint', lint],
    ],
  },
  modules: { needs: ['web', 'wasi'], parts: () => [['modules', lintModules]] },
  c: {
    needs: ['asan', 'wasi', 'native'],
    parts: () => [
      ['c asan', () => ctest('asan')],
      ['c wasi', () => ctest('wasi')],
      ['c native', () => ctest('native')],
    ],
  },
  cli: {
    needs: ['wasi'],
    parts: () => [['cli', () => nodeTests(process.execPath, testsIn('tests/cli'))]],
  },
  js: {
    needs: ['web', 'wasi'],
    parts: () => {
      const files = [...testsIn('js'), ...testsIn('tests/js')]
      const again = files.filter((path) => !path.startsWith('tests/js/once/'))
      const first = [`js node ${process.version}`, () => nodeTests(process.execPath, files)]
      return isNewNode ? [first] : [first, ['js node 24', () => nodeTests(newerNode(), again)]]
    },
  },
  gpu: {
    needs: ['web'],
    parts: () => {
      const newest = isNewNode ? process.execPath : newerNode()
      const all = ['gpu', () => nodeTests(newest, testsIn('tests/gpu'), everyCore)]
      const host = ['engine', 'executor', 'device'].map((name) => `tests/gpu/${name}.test.js`)
      const older = [`gpu node ${process.version}`, () => nodeTests(process.execPath, host)]
      return isNewNode ? [all] : [all, older]
    },
  },
  browser: {
    needs: ['web'],
    parts: () => [
      ['site', buildSite],
      ['browser', () => nodeTests(process.execPath, testsIn('tests/browser'))],
    ],
  },
}

const testsIn = (folder) => filesUnder(root, folder, /\.test\.m?js$/)

/** What failed of the latest part, once more. */
const failuresFile = inRoot('build/failures.txt')

/** SwiftShader leaves some of them idle: as many files of tests at a time as there are. */
const everyCore = [`--test-concurrency=${availableParallelism()}`]

async function nodeTests(node, files, more = []) {
  if (!files.length) return say('  no tests yet')
  const reporters = { spec: 'stdout', [inRoot('tools/lib/failures.mjs')]: failuresFile }
  const reports = Object.entries(reporters).flatMap(([reporter, destination]) => [
    `--test-reporter=${reporter}`,
    `--test-reporter-destination=${destination}`,
  ])
  const args = ['--test', ...reports, ...more, ...files.map((path) => inRoot(path))]
  // Servers of several tests get the same port and so the same URLs: no cache but
  // where a test wants one.
  const programs = { WASMTIME: wasmtime(), CHROMIUM: chromium() ?? '', FIREFOX: firefox() ?? '' }
  const env = { ...programs, WEBKIT_DRIVER: webkitDriver() ?? '', SOTTO_CACHE_DIR: '' }
  await run(node, args, { show: true, env })
}

const ctest = (preset) =>
  run('ctest', ['--preset', preset, '--parallel', String(availableParallelism())], { show: true })

/** Runs one part of a section and notes how it went. */
async function runPart(results, name, work) {
  say(`\n── ${name} ${'─'.repeat(Math.max(0, 90 - name.length))}`)
  const begin = Date.now()
  rmSync(failuresFile, { force: true })
  try {
    await work()
    results.push({ name, ok: true, ms: Date.now() - begin })
    return true
  } catch (error) {
    say(error.message)
    const failed = existsSync(failuresFile) ? readFileSync(failuresFile, 'utf8') : error.message
    results.push({ name, ok: false, ms: Date.now() - begin, failed })
    return false
  }
}

function chosenSections(names) {
  const unknown = names.filter((name) => !sections[name])
  if (unknown.length) {
    throw new Error(`no section ${unknown.join(', ')}; there are ${Object.keys(sections)}`)
  }
  return Object.entries(sections).filter(([name]) => !names.length || names.includes(name))
}

await main(async () => {
  const chosen = chosenSections(process.argv.slice(2))
  const results = []
  const ready = await runPart(results, 'set-up', () => setup('test'))
  const built = {}
  for (const preset of new Set(ready ? chosen.flatMap(([, { needs }]) => needs) : [])) {
    built[preset] = await runPart(results, `build ${preset}`, () => build(preset, { werror: true }))
  }
  for (const [name, { needs, parts }] of ready ? chosen : []) {
    const missing = needs.filter((preset) => !built[preset])
    if (missing.length) {
      results.push({ name: `${name} (not run: no ${missing.join(', ')})`, ok: false, ms: 0 })
      continue
    }
    for (const [part, work] of parts()) await runPart(results, part, work)
  }
  summary(results)
})

function summary(results) {
  say(`\n── summary ${'─'.repeat(83)}`)
  for (const { name, ok, ms } of results) {
    say(`  ${ok ? '✓' : '✗'} ${name.padEnd(40)} ${seconds(ms).padStart(12)}`)
  }
  for (const { name, failed } of results) if (failed) say(`\n  ${name} failed:\n${failed}`)
  const failed = results.filter(({ ok }) => !ok).length
  const total = results.reduce((sum, { ms }) => sum + ms, 0)
  say(`  ${failed ? `${failed} FAILED` : 'all passed'}, ${seconds(total)}`)
  if (failed) process.exitCode = 1
}
