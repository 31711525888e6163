// Firefox and WebKit: the same bits from every kind of source, chat, the cache or a warning that
// there is none, and the built page.
import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { inRoot } from '../../tools/lib/paths.mjs'
import { serve, siteMounts } from '../../tools/lib/server.mjs'
import { expectedHash, goldenRequest } from '../js/lib/golden.js'
import { logitsDigest, realPath, withEngine, withTiny } from '../js/lib/models.js'
import { engines } from './lib/engines.js'
import { startSite } from './lib/site.js'

const real = '/models/SmolLM2-135M-Instruct.Q4_1.gguf'
const tiny = '/tiny/tiny-q8_0.gguf'
const { size } = statSync(realPath)
let library
let site
let expected

before(async () => {
  const mounts = {
    ...siteMounts,
    '/tiny/': inRoot('models', 'tiny'),
    '/lib/': inRoot('tests', 'js', 'lib'),
    '/': inRoot('tests', 'browser', 'pages'),
  }
  library = await serve({ mounts })
  site = await startSite()
  const messages = [{ role: 'user', content: 'What is the capital of France?' }]
  const request = { messages, max_tokens: 24, temperature: 0, ignore_eos: true }
  const answer = (engine) => engine.chat.completions.create(request)
  const { choices } = await withEngine(realPath, { n_ctx: 512 }, answer)
  expected = { digest: await withTiny(logitsDigest), answer: choices[0].message.content }
})
after(async () => {
  await library?.close()
  await site?.close()
})

// Nothing takes long; a browser that says nothing any more shall not hold up everything.
const patience = { timeout: 180_000 }
for (const engine of engines) describe(engine.name, patience, () => inEngine(engine))

function inEngine({ open, threads, cache, speaks }) {
  let tab
  let variant

  before(async () => {
    tab = await open()
    await tab.go(library.url)
    const probe = async () => (await import('/sotto/src/worker/variant.js')).candidates('auto')
    variant = (await tab.evaluate(probe))[0].module
    console.log(`${tab.version}: ${variant}`)
  })
  after(() => tab?.close())

  /** Calls a function of one of the modules in pages/. */
  const inPage = (module, name, given = {}) =>
    tab.evaluate(async (from, work, what) => (await import(from))[work](what), module, name, given)

  for (const options of [
    { variant: 'auto', n_threads: 1, n_batch: 64 },
    { variant: 'auto', n_threads: 2, n_batch: 64 },
    { variant: 'simd128', n_threads: 3, n_batch: 29 },
  ]) {
    test(`the same bits: ${options.variant}, ${options.n_threads} threads`, async () => {
      const result = await inPage('/work.js', 'hash', {
        source: real,
        cache: 'no-store',
        ...options,
        request: goldenRequest,
      })
      assert.deepEqual(result, {
        hash: expectedHash,
        positions: 96,
        variant: options.variant === 'auto' ? variant : options.variant,
        n_threads: threads ? options.n_threads : 1,
      })
    })
  }

  test('a model from every kind of source', async () => {
    for (const kind of ['url', 'blob', 'file', 'bytes', 'stream', 'response stream', 'object']) {
      const digest = await inPage('/work.js', 'digest', { source: tiny, kind })
      assert.deepEqual(digest, expected.digest, kind)
    }
  })

  test('chat: a stream, an abort, and a stream again', async () => {
    const chat = await inPage('/chat.js', 'chat', { url: real })
    const { text, aborted, again, warnings, n_threads, n_threads_reason, speed } = chat
    assert.deepEqual([text, aborted, again], [expected.answer, 'AbortError', expected.answer])
    assert.deepEqual(warnings, cache ? [] : ['cache_unavailable'])
    assert.equal(n_threads > 1, threads, n_threads_reason)
    if (!threads) assert.match(n_threads_reason, /SharedArrayBuffer/)
    console.log(`${n_threads} threads, ${speed?.toFixed()} tokens/s`)
  })

  test('errors are typed', async () => {
    const failure = (source, options) => inPage('/work.js', 'failure', { source, options })
    assert.equal((await failure('/tiny/nothing.gguf')).code, 'io_error')
    assert.equal((await failure('/work.js')).code, 'invalid_model')
    assert.equal((await failure(tiny, { workerUrl: '/nothing.js' })).code, 'worker_failed')
    assert.equal((await failure(tiny, { wasmUrl: '/work.js' })).code, 'worker_failed')
    assert.equal((await failure(tiny, { abortAfter: 0 })).name, 'AbortError')
  })

  test("an address that the page's policy refuses is told from a network that fails", async () => {
    const { port } = new URL(site.server.url)
    const source = `http://127.0.0.1:${port}${tiny}`
    const { code, message } = await inPage('/work.js', 'failure', { source })
    assert.equal(code, 'io_error')
    const told = /Content-Security-Policy \(connect-src 'self' https:\) refuses this address/
    assert.match(message, speaks ? told : /Content-Security-Policy or the browser may refuse/)
  })

  const load = (options = {}) => inPage('/cache.js', 'load', { url: real, ...options })

  test('the cache: kept over a reload, resumed after an abort', { skip: !cache }, async () => {
    await inPage('/cache.js', 'clear')
    const first = await load()
    assert.deepEqual([first.status, first.warnings], ['miss', []])
    await tab.go(library.url)
    const second = await load()
    const { status, fetched_bytes, warnings, text } = second
    assert.deepEqual([status, fetched_bytes, warnings, text], ['hit', 0, [], first.text])

    await inPage('/cache.js', 'clear')
    assert.equal((await load({ abortAt: size / 2 })).name, 'AbortError')
    const [{ loaded, complete }] = await inPage('/cache.js', 'list')
    assert.equal(complete, false)
    assert.equal(loaded > size / 4, true, `${loaded} bytes were kept`)
    await tab.go(library.url)
    const rest = await load()
    assert.deepEqual([rest.status, rest.text, rest.warnings], ['partial', first.text, []])
    assert.equal(rest.fetched_bytes <= size - loaded, true)
  })

  test('without a cache: a warning, and the model is there', { skip: cache }, async () => {
    const { status, warnings, text, code, message } = await load()
    assert.equal(status, 'bypass', `${code}: ${message}`)
    assert.match(warnings.join(), /^cache_unavailable: (?!.*cache_unavailable)/)
    assert.match(text, /\w/)
    const list = () => import('/cache.js').then((own) => own.list().catch(({ code }) => code))
    assert.equal(await tab.evaluate(list), 'cache_unavailable')
  })

  test('the page: load, ask, and a reload keeps the conversation', async () => {
    await tab.go(`${site.server.url}/?temperature=0&max_tokens=16`)
    const bodies = () =>
      [...document.querySelectorAll('.message .body')].map(({ textContent }) => textContent)
    await tab.until(() => document.querySelector('#load-default')?.disabled === false)
    await tab.click('#load-default')
    await tab.until(() => document.body.dataset.model === 'ready')
    const facts = await tab.evaluate(() => document.querySelector('#model-facts').textContent)
    assert.match(
      facts,
      new RegExp(`^Q4_1 · ${variant} · ${threads ? '\\d+ threads' : '1 thread'}$`),
    )
    await tab.ask('#question', 'What is the capital of France?')
    await tab.until(
      () =>
        document.querySelector('#messages')?.getAttribute('aria-busy') === 'false' &&
        document.querySelector('.message.assistant .tools button') !== null,
    )
    const before = await tab.evaluate(bodies)
    assert.equal(before.length, 2)
    assert.equal(before[0], 'What is the capital of France?')
    assert.match(before[1], /\w/)
    await tab.until(() => document.documentElement.dataset.offline === 'ready')
    const notices = await tab.evaluate(() =>
      [...document.querySelectorAll('.notice')].map(({ textContent }) => textContent),
    )
    assert.equal(notices.length, cache ? 0 : 1, notices.join('\n'))
    if (!cache) assert.match(notices[0], /loading goes on without the cache/)

    await tab.go(`${site.server.url}/?temperature=0&max_tokens=17`)
    await tab.until(() => document.querySelector('.message.assistant') !== null)
    assert.deepEqual(await tab.evaluate(bodies), before)
    assert.deepEqual(await tab.problems(), [])
  })
}
