// A worker that does not start, ends or traps: every call in waiting is rejected with a typed
// error, nothing hangs, and disposing still works.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { loadModel, planModel } from 'sotto'
import { trapsAtTimes } from '../../js/src/worker/webkit.js'
import { logitsDigest, realPath, tinyBytes, tinyPath, withEngine, withTiny } from './lib/models.js'

const folder = mkdtempSync(join(tmpdir(), 'sotto-'))
after(() => rmSync(folder, { recursive: true }))

/** The file of a worker that misbehaves. */
function bad(how) {
  const file = join(folder, `${how}.mjs`)
  const library = new URL('./lib/bad-worker.js', import.meta.url)
  writeFileSync(file, `import { misbehave } from '${library}'\nmisbehave('${how}')\n`)
  return pathToFileURL(file)
}
const load = (how) => loadModel(tinyPath(), { workerUrl: bad(how) })

test('a worker whose file is missing, throws or exits', async () => {
  const missing = { workerUrl: new URL('./lib/nothing.js', import.meta.url) }
  await assert.rejects(loadModel(tinyPath(), missing), { code: 'worker_failed' })
  const elsewhere = { workerUrl: 'https://a.example/worker.js' }
  await assert.rejects(loadModel(tinyPath(), elsewhere), { code: 'worker_failed' })
  await assert.rejects(load('throws'), { code: 'worker_failed', message: /no luck today/ })
  await assert.rejects(load('exits'), { code: 'worker_failed', message: /exit code 3/ })
})

test('a worker of another version', async () => {
  await assert.rejects(load('version'), { code: 'version_mismatch', message: /999/ })
})

test('a worker that never answers can be given up', async () => {
  const signal = AbortSignal.timeout(50)
  const loading = loadModel(tinyPath(), { workerUrl: bad('silent'), signal })
  await assert.rejects(loading, { name: 'TimeoutError' })
})

for (const how of ['dies', 'traps']) {
  test(`a worker that ${how} while it works`, async () => {
    const engine = await load(how)
    const readAll = async (stream) => {
      for await (const chunk of stream) assert.ok(chunk)
    }
    const calls = [
      engine.completions.create({ prompt: 'a' }),
      engine.completions.create({ prompt: 'b', stream: true }).then(readAll),
      engine.tokenize('a'),
    ]
    for (const { reason } of await Promise.allSettled(calls)) {
      assert.equal(reason?.code, 'worker_failed')
    }
    await assert.rejects(engine.tokenize('a'), { code: 'worker_failed' })
    await engine.dispose()
  })
}

for (const where of ['step', 'tokenize']) {
  test(`a trap in the module during ${where}`, async () => {
    const file = join(folder, `trap-${where}.mjs`)
    const own = (name) => new URL(`../../js/src/worker/${name}.js`, import.meta.url)
    writeFileSync(
      file,
      `import { CoreEngine } from '${own('core-engine')}'
      CoreEngine.prototype.${where} = () => { throw new WebAssembly.RuntimeError('unreachable') }
      await import('${own('entry/engine-node')}')`,
    )
    const engine = await loadModel(tinyPath(), { workerUrl: pathToFileURL(file) })
    const stream = engine.completions.create({ prompt: [5, 6], stream: true })
    const crashed = { code: 'worker_failed', message: /unreachable/ }
    const readAll = async () => {
      for await (const chunk of await stream) assert.ok(chunk)
    }
    if (where === 'tokenize') await assert.rejects(engine.tokenize('a'), crashed)
    await assert.rejects(readAll(), crashed)
    await assert.rejects(engine.memory(), crashed)
    const { details } = await engine.memory().catch((error) => error)
    assert.match(details.stack, /worker.serve-engine\.js/)
    await engine.dispose()
  })
}

const agent = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/605.1.15 (KHTML, like Gecko)'
const webKit = `${agent} Version/18.6 Safari/605.1.15`

/**
 * The file of a worker whose module traps at these calls for a piece of a header, counted from 0.
 */
function trapsInHeader(calls, userAgent = webKit) {
  const name = `trap-header-${calls.join('-')}-${userAgent.length}`
  const file = join(folder, `${name}.mjs`)
  const own = (name) => new URL(`../../js/src/worker/${name}.js`, import.meta.url)
  writeFileSync(
    file,
    `import { CoreModule } from '${own('core-module')}'
    if (${JSON.stringify(userAgent)}) Object.defineProperty(globalThis, 'navigator', {
      configurable: true, value: { userAgent: ${JSON.stringify(userAgent)} }
    })
    const { call } = CoreModule.prototype
    let n = 0
    CoreModule.prototype.call = function (name, ...args) {
      const traps = name === 'sotto_engine_feed_header' && ${JSON.stringify(calls)}.includes(n++)
      if (traps) throw new WebAssembly.RuntimeError('unreachable')
      return call.call(this, name, ...args)
    }
    await import('${own('entry/engine-node')}')`,
  )
  return pathToFileURL(file)
}

test('a module that traps in a header has two tries in WebKit, with a warning', async () => {
  const expected = await withTiny(logitsDigest)
  const stream = () => new Blob([tinyBytes()]).stream()
  for (const n_threads of [1, 2]) {
    for (const source of [tinyPath(), stream()]) {
      const warnings = []
      const onWarning = (warning) => warnings.push(warning)
      const options = { workerUrl: trapsInHeader([0]), n_threads, onWarning }
      assert.deepEqual(await withEngine(source, options, logitsDigest), expected)
      assert.deepEqual(
        warnings.map(({ code }) => code),
        ['module_trapped'],
      )
      assert.match(warnings[0].message, /unreachable/)
    }
  }
  const { total } = await planModel(realPath, { n_ctx: 256 })
  const late = await planModel(realPath, {
    workerUrl: trapsInHeader([9]),
    onWarning() {},
    n_ctx: 256,
  })
  assert.equal(late.total, total)
  const twice = loadModel(tinyPath(), { workerUrl: trapsInHeader([0, 1]), onWarning() {} })
  await assert.rejects(twice, { code: 'worker_failed', message: /unreachable/ })
})

test('in any other engine a trap is one', async () => {
  for (const other of ['', `${agent} Chrome/140.0.0.0 Safari/537.36`, 'Node.js/24']) {
    const loading = loadModel(tinyPath(), { workerUrl: trapsInHeader([0], other) })
    await assert.rejects(loading, { code: 'worker_failed', message: /unreachable/ })
  }
  assert.equal(trapsAtTimes(webKit), true)
  assert.equal(trapsAtTimes(`${agent} CriOS/140.0 Mobile/15E148 Safari/604.1`), true)
  assert.equal(trapsAtTimes(`${agent} HeadlessChrome/140.0.0.0 Safari/537.36`), false)
  assert.equal(trapsAtTimes('Mozilla/5.0 (X11; rv:153.0) Gecko/20100101 Firefox/153.0'), false)
})

test('a warning that nobody listens to goes to the console', async (t) => {
  const warn = t.mock.method(console, 'warn', () => {})
  await withEngine(tinyPath(), { workerUrl: trapsInHeader([0]) }, async () => {})
  assert.equal(warn.mock.callCount(), 1)
  assert.match(warn.mock.calls[0].arguments[0], /trapped/)
})

test('kernels that fail their test give way to the next, unless they were asked for', async () => {
  const file = join(folder, 'untrue.mjs')
  const own = (name) => new URL(`../../js/src/${name}.js`, import.meta.url)
  writeFileSync(
    file,
    `import { SottoError } from '${own('errors')}'
    import { CoreEngine } from '${own('worker/core-engine')}'
    const { startLoad } = CoreEngine.prototype
    CoreEngine.prototype.startLoad = function (plan) {
      if (this.variant() === 'scalar') return startLoad.call(this, plan)
      throw new SottoError('internal_error', 'wrong results')
    }
    await import('${own('worker/entry/engine-node')}')`,
  )
  const workerUrl = pathToFileURL(file)
  const engine = await loadModel(tinyPath(), { workerUrl })
  assert.equal(engine.variant, 'scalar')
  assert.equal(
    (await engine.completions.create({ prompt: 'a', max_tokens: 2, ignore_eos: true })).usage
      .completion_tokens,
    2,
  )
  await engine.dispose()
  const asked = loadModel(tinyPath(), { workerUrl, variant: 'simd128' })
  await assert.rejects(asked, { code: 'internal_error' })
})

test('a module that is missing or none', async () => {
  const none = new URL('./failures.test.js', import.meta.url)
  const missing = new URL('./nothing/', import.meta.url)
  for (const wasmUrl of [none, missing]) {
    const loading = loadModel(tinyPath(), { wasmUrl })
    await assert.rejects(loading, { code: 'worker_failed', message: /Cannot load the module/ })
  }
})
