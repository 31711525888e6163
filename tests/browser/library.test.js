// The library in a page with a strict content security policy: the same bits as everywhere else,
// from every kind of source, and typed errors.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { openBrowser } from '../../tools/lib/browser.mjs'
import { inRoot } from '../../tools/lib/paths.mjs'
import { serve, siteMounts } from '../../tools/lib/server.mjs'
import { expectedHash, goldenRequest } from '../js/lib/golden.js'
import { logitsDigest, withTiny } from '../js/lib/models.js'

const real = '/models/SmolLM2-135M-Instruct.Q4_1.gguf'
const tiny = '/tiny/tiny-q8_0.gguf'
let server
let browser
let page
let expected

before(async () => {
  const mounts = {
    ...siteMounts,
    '/tiny/': inRoot('models', 'tiny'),
    '/lib/': inRoot('tests', 'js', 'lib'),
    '/': inRoot('tests', 'browser', 'pages'),
  }
  server = await serve({ mounts })
  browser = await openBrowser()
  page = await browser.newPage()
  await page.goto(server.url)
  expected = await withTiny(logitsDigest)
})
after(async () => {
  await browser?.close()
  await server?.close()
})

/** Calls a function of pages/work.js in the page. */
const inPage = (name, argument) =>
  page.evaluate(async ([work, given]) => (await import('/work.js'))[work](given), [name, argument])

for (const [variant, n_threads, n_batch, used] of [
  ['auto', 1, 64, 'relaxed'],
  ['auto', 2, 64, 'relaxed'],
  ['simd128', 3, 29, 'simd128'],
  ['simd128', 1, 7, 'simd128'],
  ['scalar', 2, 64, 'scalar'],
]) {
  test(`${variant} with ${n_threads} threads computes the bits of native programs`, async () => {
    const options = { variant, n_threads, n_batch }
    const result = await inPage('hash', { source: real, ...options, request: goldenRequest })
    assert.deepEqual(result, { hash: expectedHash, positions: 96, variant: used, n_threads })
  })
}

test('threads compute, abort and end; without isolation there is one, and a reason', async () => {
  const one = await inPage('threads', { source: real, options: { n_threads: 1 } })
  assert.equal(one.name, 'AbortError')
  for (const n_threads of [2, 5]) {
    const several = await inPage('threads', { source: real, options: { n_threads } })
    assert.deepEqual(several, { ...one, n_threads })
  }

  const open = await browser.newPage()
  await open.route(server.url, async (route) => {
    const response = await route.fetch()
    const { 'cross-origin-embedder-policy': _, ...headers } = response.headers()
    await route.fulfill({ response, headers })
  })
  await open.goto(server.url)
  for (const n_threads of [2, undefined]) {
    const given = { source: real, options: { n_threads } }
    const alone = await open.evaluate(async (a) => (await import('/work.js')).threads(a), given)
    const { n_threads_reason } = alone
    assert.match(n_threads_reason, /isolated/)
    assert.deepEqual(alone, { ...one, n_threads_reason })
  }
  await open.close()
})

test('every variant computes what Node.js computes on a tiny model', async () => {
  for (const variant of ['scalar', 'simd128', 'relaxed']) {
    assert.deepEqual(await inPage('digest', { source: tiny, options: { variant } }), expected)
  }
})

for (const kind of [
  'url',
  'blob',
  'file',
  'bytes',
  'stream',
  'response stream',
  'OPFS file',
  'object',
]) {
  test(`a model from a ${kind}`, async () => {
    assert.deepEqual(await inPage('digest', { source: tiny, kind }), expected)
  })
}

test('a split model from the URL of its first file', async () => {
  const split = await inPage('digest', { source: '/tiny/tiny-f16-00001-of-00003.gguf' })
  assert.deepEqual(split, await inPage('digest', { source: '/tiny/tiny-f16.gguf' }))
})

test('a prompt given at load time is in the cache', async () => {
  const prompt = 'A river runs past 12 old houses; it does not stop.'
  for (const source of [tiny, real]) {
    const { text } = await inPage('prefilled', { source })
    for (const [kind, n_threads] of [
      ['url', 1],
      ['url', 2],
      ['stream', 1],
    ]) {
      const options = { n_batch: 4, n_threads, prefill: { prompt } }
      assert.deepEqual(await inPage('prefilled', { source, kind, options }), { text, left: 1 })
    }
  }
})

test('a file of 98 MB is fetched by long ranges, each byte once', async () => {
  const ranges = []
  const note = (request) => ranges.push(request.headers().range)
  page.context().on('request', note)
  const { loaded, total } = await inPage('progress', { source: real })
  page.context().off('request', note)
  assert.equal(loaded, total)
  const asked = ranges.filter(Boolean)
  assert.ok(asked.length > 1 && asked.length < 5, `${asked.length} ranges`)
  const lengths = asked.map((range) => {
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(range)
    return to - from + 1
  })
  assert.ok(lengths.every((length) => length <= 64 << 20))
  const sum = lengths.reduce((all, length) => all + length, 0)
  assert.ok(sum < total + 8e6, `${sum} of ${total} bytes`)
})

test('errors are typed', async () => {
  const failure = (source, options) => inPage('failure', { source, options })
  assert.equal((await failure('/tiny/nothing.gguf')).code, 'io_error')
  assert.equal((await failure('/work.js')).code, 'invalid_model')
  const budget = await failure(real, { memory_budget: 50_000_000 })
  assert.equal(budget.code, 'memory_budget_exceeded')
  assert.ok(budget.details.plan.total > 50_000_000)
  const worker = await failure(tiny, { workerUrl: '/nothing.js' })
  assert.equal(worker.code, 'worker_failed')
  assert.equal((await failure(tiny, { workerUrl: '/empty.html' })).code, 'worker_failed')
  const foreign = await failure(tiny, { workerUrl: 'https://a.example/worker.js' })
  assert.equal(foreign.code, 'worker_failed')
  assert.equal((await failure(tiny, { wasmUrl: '/work.js' })).code, 'worker_failed')
  assert.equal((await failure(tiny, { abortAfter: 0 })).name, 'AbortError')
  assert.equal((await failure(real, { abortAfter: 20 })).name, 'AbortError')
})

test('workerUrl and wasmUrl say where things are', async () => {
  const options = {
    workerUrl: '/sotto/src/worker/entry/engine-browser.js',
    wasmUrl: '/sotto/dist/',
  }
  assert.deepEqual(await inPage('digest', { source: tiny, options }), expected)
})

test('the page stays responsive while the engine works, and a cancel is prompt', async () => {
  const { longest, cancelled } = await inPage('responsive', { source: real })
  assert.ok(longest < 200, `blocked for ${longest} ms`)
  assert.ok(cancelled < 500, `cancelled after ${cancelled} ms`)
})
