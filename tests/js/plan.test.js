// The memory plan: told before the body of a file is asked for, exact, and with what
// would fit instead.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { loadModel, openModelCache, planModel } from 'sotto'
import { realPath, tinyBytes, tinyPath, withEngine, withTiny } from './lib/models.js'
import { rangeServer } from './lib/range-server.js'

const MB = 1e6
const uncached = { cache: 'no-store' }
let real
let server
let folder

before(async () => {
  real = readFileSync(realPath)
  server = await rangeServer(real)
  folder = mkdtempSync(join(tmpdir(), 'plan-'))
})
after(async () => {
  await server?.close()
  if (folder) rmSync(folder, { recursive: true })
})

/** How many bytes of the file were asked for by `work`. */
async function asked(work) {
  const from = server.requests.length
  await work(`${server.url}/model.gguf`)
  return server.requests.slice(from).reduce((sum, { range }) => {
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(range)
    return sum + Number(last) + 1 - Number(first)
  }, 0)
}

/** The header of the real model has 1.7 MB, and is asked for in blocks. */
const HEADER = 2 << 20

/** Resolves with the refusal. */
const refusal = (source, options) =>
  loadModel(source, options).then(
    () => assert.fail('it was loaded'),
    (error) => {
      assert.equal(error.code, 'memory_budget_exceeded')
      return error
    },
  )

test('over the budget: refused with the numbers, before the body is asked for', async () => {
  let error
  const bytes = await asked(async (url) => {
    error = await refusal(url, { ...uncached, n_ctx: 8192, memory_budget: 150 * MB })
  })
  assert.equal(bytes, HEADER)
  const { plan } = error.details
  assert.equal(plan.fits, false)
  assert.deepEqual([plan.limit, plan.limited_by], [150 * MB, 'budget'])
  assert.ok(plan.weights > 96 * MB && plan.weights < 97 * MB)
  const parts = plan.weights + plan.kv + plan.scratch + plan.staging + plan.metadata
  assert.equal(plan.total, parts)
  assert.equal(plan.kv, 8192 * plan.per_position)
  assert.match(error.message, /needs 297\.\d MB \(weights 96\.6, KV cache of 8192 positions 188\.7/)
  const [small, same] = plan.alternatives.map(({ options }) => options)
  assert.ok(small.n_ctx > same.n_ctx && same.n_ctx > 1024)
  assert.deepEqual([small.cache_type_k, same.cache_type_k], ['q8_0', 'f16'])
  const fits = `n_ctx ${same.n_ctx} would fit, and n_ctx ${small.n_ctx} with`
  const advice = `150.0 MB are allowed: ${fits}`
  assert.ok(error.message.includes(advice), error.message)
})

test('what would fit instead fits, and is the most that does', async () => {
  const memory_budget = 130 * MB
  for (const kind of [{}, { prefill: { prompt: 'one two three '.repeat(50) } }]) {
    const { alternatives } = await planModel(realPath, { memory_budget, ...kind })
    assert.equal(alternatives.length, 2)
    for (const { options, total } of alternatives) {
      const plan = await planModel(realPath, { memory_budget, ...kind, ...options })
      assert.deepEqual([plan.fits, plan.alternatives], [true, []])
      assert.ok(kind.prefill ? plan.total <= memory_budget : plan.total === total)
      const more = { ...options, n_ctx: options.n_ctx + 32 }
      assert.equal((await planModel(realPath, { memory_budget, ...kind, ...more })).fits, false)
    }
  }
  const [{ options }] = (await planModel(realPath, { memory_budget })).alternatives
  await withEngine(realPath, { memory_budget, ...options }, async (engine) => {
    assert.equal(engine.plan.n_ctx, options.n_ctx)
    assert.ok((await engine.memory()).in_use <= memory_budget)
  })
})

test('where no context fits are no alternatives; a prompt needs one that holds it', async () => {
  const none = await refusal(realPath, { memory_budget: 90 * MB })
  assert.deepEqual(none.details.plan.alternatives, [])
  assert.match(none.message, /no context fits; use a smaller or more strongly quantised model/)
  const prefill = { prompt: 'one two three '.repeat(100) }
  const { alternatives } = await planModel(realPath, { memory_budget: 109 * MB, prefill })
  assert.deepEqual(alternatives, [])
  const q8_0 = { cache_type_k: 'q8_0', cache_type_v: 'q8_0' }
  const smallest = await planModel(realPath, { memory_budget: 120 * MB, ...q8_0 })
  assert.equal(smallest.alternatives.length, 1)
  const naive = await planModel(tinyPath(), {
    memory_budget: 1 * MB,
    n_ctx: 65536,
    backend: 'naive',
  })
  assert.equal(naive.alternatives.length, 1)
  // Its heads are 16 wide, which q8_0 with its blocks of 32 cannot keep.
  const heads = await planModel(tinyPath(), { memory_budget: 1 * MB, n_ctx: 65536 })
  assert.deepEqual(
    heads.alternatives.map(({ options }) => options.cache_type_k),
    ['f16'],
  )
})

test('limits: the budget, else the device, and never more than 32 bits reach', async (t) => {
  const device = t.mock.method(process, 'constrainedMemory', () => 150 * MB)
  const error = await refusal(realPath, {})
  assert.equal(error.details.plan.limited_by, 'device')
  assert.deepEqual(error.details.plan.limits.device, 150 * MB)
  assert.match(error.message, /150\.0 MB are allowed: .+\. The limit is what this device says/)
  const given = await planModel(realPath, { memory_budget: 500 * MB })
  assert.deepEqual([given.fits, given.limited_by, given.limit], [true, 'budget', 500 * MB])
  device.mock.mockImplementation(() => 0) // not known
  const large = await planModel(realPath, { memory_budget: 2 ** 40, n_ctx: 2 ** 24 })
  assert.deepEqual([large.fits, large.limited_by], [false, 'address_space'])
  assert.ok(large.limit < 2 ** 32 && large.limit > 2 ** 32 - 100 * MB)
  // The cache is one piece of memory, of which a 32-bit module has at most 2 GiB.
  assert.ok(large.alternatives.every(({ total }) => total < 2.5e9))
  const half = await planModel(realPath, { n_ctx: 2 ** 17 })
  assert.equal(half.fits, false)
  assert.ok(half.total < half.limit)
})

test('the plan alone: of any source, from the header, the one that loading has', async () => {
  const options = { n_ctx: 1024, n_threads: 2, ...uncached }
  let expected
  await withEngine(realPath, options, (engine) => {
    expected = engine.plan
  })
  const bytes = await asked(async (url) => {
    assert.deepEqual(await planModel(url, options), expected)
  })
  assert.equal(bytes, HEADER)
  assert.deepEqual(await planModel(new Blob([real]), options), expected)

  const tiny = await withTiny((engine) => engine.plan, options)
  const { body } = new Response(tinyBytes())
  for (const source of [tinyPath(), tinyBytes(), body]) {
    assert.deepEqual(await planModel(source, options), tiny)
  }
  const split = await withEngine(tinyPath('f16-00001-of-00003'), options, (engine) => engine.plan)
  assert.deepEqual(await planModel(tinyPath('f16-00001-of-00003'), options), split)
  await assert.rejects(planModel(tinyBytes('f16-00001-of-00003')), { code: 'invalid_model' })
  await assert.rejects(planModel(new Uint8Array(100)), { code: 'invalid_model' })
  await assert.rejects(planModel(tinyPath(), { n_ctx: -1 }), { code: 'invalid_argument' })
  const signal = AbortSignal.abort()
  await assert.rejects(planModel(tinyPath(), { signal }), { name: 'AbortError' })
})

test('onPlan is awaited before the body is asked for, and can stop it', async () => {
  const abort = new AbortController()
  const { signal } = abort
  for (const [expected, onPlan] of [
    [/too much for me/, () => Promise.reject(new Error('too much for me'))],
    [{ name: 'AbortError' }, () => abort.abort()],
  ]) {
    const bytes = await asked((url) =>
      assert.rejects(loadModel(url, { ...uncached, onPlan, signal }), expected),
    )
    assert.equal(bytes, HEADER)
  }

  const begun = server.requests.length
  let seen
  const onPlan = async (plan) => {
    seen = plan
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(server.requests.length, begun + 1)
  }
  const url = `${server.url}/model.gguf`
  await withEngine(url, { ...uncached, n_ctx: 64, onPlan }, (engine) => {
    assert.deepEqual(engine.plan, seen)
  })
  assert.ok(server.requests.length > begun + 1)
  let refused
  const keep = (plan) => {
    refused = plan
  }
  const error = await refusal(url, { ...uncached, memory_budget: 1, onPlan: keep })
  assert.deepEqual(error.details.plan, refused)
  await assert.rejects(loadModel(url, { onPlan: 5 }), { code: 'invalid_argument' })
})

test('a plan looks into the cache and leaves nothing there', async () => {
  const cacheDir = folder
  const cache = openModelCache(cacheDir)
  const url = `${server.url}/model.gguf`
  const plan = await planModel(url, { cacheDir })
  assert.deepEqual(await cache.list(), [])
  // What was read is kept: the model is going to be loaded with other options.
  const error = await refusal(url, { cacheDir, memory_budget: 1 })
  assert.ok(error.details.plan.total === plan.total)
  const [{ loaded }] = await cache.list()
  assert.ok(loaded > 1.5 * MB && loaded <= HEADER, `${loaded} bytes`)
  const rest = await asked(() => withEngine(url, { cacheDir, n_ctx: 64 }, () => {}))
  assert.ok(rest <= real.length - loaded + 1, 'the header is not fetched again')
  const again = await asked(() => planModel(url, { cacheDir, cache: 'only-if-cached' }))
  assert.equal(again, 0)
  assert.equal(await asked(() => planModel(url, { cacheDir, cache: 'reload' })), HEADER)
  assert.equal((await cache.list())[0].complete, true)
  const missing = planModel(`${url}?other`, { cacheDir, cache: 'only-if-cached' })
  await assert.rejects(missing, { code: 'not_cached' })
})
