// Engines whose GPU is lost at any time while requests, cancels and snapshots come from several
// sides: every answer that is given is the right one, and nothing waits for ever.
//   SOTTO_SEED=7 SOTTO_ROUNDS=20 node --test tests/gpu/storm.test.js
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { loadModel } from 'sotto'
import { tinyBytes, tinyPath, withEngine } from '../js/lib/models.js'
import { random } from '../js/lib/random.js'
import { lose, onGpu, request } from './lib/faults.js'

const model = tinyPath('f32')
const lengths = [4, 8, 16]
/** A snapshot was lost, or there was nothing to take or no room for it at that moment. */
const mayHappen = ['gpu_lost', 'invalid_state', 'busy', 'context_length_exceeded']

const textOf = async (engine, more) =>
  (await engine.completions.create({ ...request, ...more })).choices[0].text

/** Some requests of different kinds; how many answers came. */
async function work(engine, next, expected) {
  let answers = 0
  const kinds = [
    async () => {
      const max_tokens = lengths[next(lengths.length)]
      assert.equal(await textOf(engine, { max_tokens }), expected.get(max_tokens))
      answers++
    },
    async () => {
      const signal = AbortSignal.timeout(next(400))
      const endless = textOf(engine, { max_tokens: 100, signal })
      await endless.catch(({ name }) => assert.equal(name, 'TimeoutError'))
    },
    async () => {
      const snapshot = async () => engine.loadState(await engine.saveState())
      await snapshot().catch(({ code }) => assert.ok(mayHappen.includes(code), code))
    },
    () => engine.clearCache(),
  ]
  for (const kind of [0, 0, next(4), next(4), next(4), 0]) await kinds[kind]()
  return answers
}

async function storm(seed, expected) {
  const next = random(seed)
  const channel = `storm ${seed}`
  const loading = loadModel(
    next(2) ? model : tinyBytes('f32'),
    onGpu(`dawn.js?listen=${channel}`, {
      onWarning: ({ code }) => assert.equal(code, 'gpu_lost'),
      n_parallel: 3,
      ...(next(2) ? { prefill: { prompt: request.prompt } } : {}),
    }),
  )
  const losing = (async () => {
    for (let i = 0; i < 3; i++) {
      await sleep(next(1200))
      await lose(channel)
    }
  })()
  const engine = await loading
  const working = [1, 2, 3, 4].map((side) => work(engine, random(seed + side), expected))
  const answers = await Promise.all(working)
  await losing
  assert.equal(await textOf(engine, { max_tokens: 8 }), expected.get(8))
  await engine.dispose()
  return answers.reduce((sum, n) => sum + n, 0)
}

test('answers are right whenever the GPU goes away', { timeout: 300_000 }, async (t) => {
  const expected = new Map()
  await withEngine(model, { backend: 'cpu' }, async (engine) => {
    for (const n of lengths) expected.set(n, await textOf(engine, { max_tokens: n }))
  })
  const seed = Number(process.env.SOTTO_SEED ?? Date.now() % 1e6)
  t.diagnostic(`seed ${seed}`)
  for (let i = 0; i < Number(process.env.SOTTO_ROUNDS ?? 2); i++) {
    assert.ok((await storm(seed + i, expected)) >= 12)
  }
})
