// Peak memory of a page that loads the real default model and answers until the context is full:
// at most the packed weights, the KV cache and 64 MB, by the browser's own measure: from a server
// that keeps models out of the browser's own cache, as fast as it goes, and from one that does not,
// over a gigabit line.
import assert from 'node:assert/strict'
import { basename, join } from 'node:path'
import { after, before, test } from 'node:test'
import { slowServer } from '../../bench/slow-server.mjs'
import { openProfile } from '../../tools/lib/browser.mjs'
import { inRoot, modelCache } from '../../tools/lib/paths.mjs'
import { serve, siteMounts } from '../../tools/lib/server.mjs'
import { calm, dump } from './lib/memory.js'

const url = process.env.MEMORY_MODEL ?? '/models/SmolLM2-135M-Instruct.Q4_1.gguf'
const ALLOWED = 64e6
const GIGABIT = 118e6 // bytes a second
let server
let plain
let context
let page

before(async () => {
  const mounts = {
    ...siteMounts,
    '/tiny/': inRoot('models', 'tiny'),
    '/': inRoot('tests', 'browser', 'pages'),
  }
  server = await serve({ mounts, more: { 'Content-Security-Policy': undefined } })
  plain = await slowServer(join(modelCache, basename(url)), GIGABIT)
  context = await openProfile()
})
after(async () => {
  await context?.close()
  await server?.close()
  plain?.close()
})

/** Calls a function of pages/memory.js in the page. */
const run = (name, argument) =>
  page.evaluate(
    async ([work, given]) => (await import('/memory.js'))[work](given),
    [name, argument],
  )

/** A page in a process of its own, in which nothing has happened yet. */
async function newPage() {
  await page?.close()
  page = await context.newPage()
  await page.goto(server.url)
  assert.equal(await page.evaluate(() => crossOriginIsolated), true)
  return calm(page)
}

/** How much each process had at most above what it had before, and which it was; the most first. */
const growths = (before, after) =>
  [...before]
    .map(([pid, { peak }]) => ({ pid, bytes: (after.get(pid)?.peak ?? 0) - peak }))
    .sort((a, b) => b.bytes - a.bytes)

for (const kind of ['module', 'shared module', 'buffer']) {
  test(`the measure sees 100 MB of a ${kind} in a worker that has ended`, async () => {
    const before = await newPage()
    assert.equal(await run('take', kind), 1600 << 16)
    const [first, second] = growths(before, await dump(page))
    assert.ok(first.bytes > 100e6 && first.bytes < 140e6, `${first.bytes} bytes`)
    assert.ok(second.bytes < 60e6, 'one process, the page’s')
  })
}

/**
 * The most that the page had to itself while it loaded and answered, above what it has when it is
 * empty. Peaks are known of resident memory only, which counts the browser's own files too once
 * code of theirs has run. So a tiny model goes first, and what the page has to itself after that
 * is the other measure.
 */
async function peakOf(options, from) {
  const empty = await newPage()
  await run('use', { url: '/tiny/tiny-q8_0.gguf', options: { ...options, cache: 'no-store' } })
  const warm = await calm(page)
  const result = await run('use', { url: from ?? url, options })
  const [{ pid, bytes }] = growths(warm, await dump(page))
  return { ...result, bytes: bytes + warm.get(pid).footprint - empty.get(pid).footprint }
}

const n_ctx = 512 // is filled, so that none of it is room for other things
for (const [name, cache, options, from] of [
  ['without the cache', 'bypass', { cache: 'no-store' }],
  ['over a gigabit line', 'bypass', { cache: 'no-store' }, () => plain.url],
  ['without the cache, on one thread', 'bypass', { cache: 'no-store', n_threads: 1 }],
  ['on its way into the cache', 'miss', {}],
  ['from the cache', 'hit', {}],
  ['with a prompt meanwhile', 'hit', { prefill: { prompt: 'A river runs past it. '.repeat(20) } }],
]) {
  test(`a model ${name}: weights, KV cache and 64 MB`, async (t) => {
    const { plan, bytes, ...result } = await peakOf({ n_ctx, ...options }, from?.())
    assert.equal(result.cache, cache)
    assert.ok(result.left < 3, 'the context is full')
    const over = bytes - plan.weights - plan.kv
    const mb = (n) => `${(n / 1e6).toFixed(1)} MB`
    t.diagnostic(
      `weights ${mb(plan.weights)}, KV cache ${mb(plan.kv)}, planned ${mb(plan.total)}, ` +
        `peak ${mb(bytes)}: ${mb(over)} over weights and KV cache, ${result.n_threads} thread(s)`,
    )
    assert.ok(bytes > plan.weights + plan.kv, 'all of that was there')
    assert.ok(over < ALLOWED, `${mb(over)} over weights and KV cache`)
  })
}
