// The GPU goes ahead: where the best token is picked it finds some tokens by itself before anybody
// looks at them. The answer is what it is one token at a time, and what was found in vain is not
// remembered.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withEngine } from '../js/lib/models.js'
import {
  asReference,
  difference,
  floats,
  greedy,
  logitsOf,
  pathOf,
  tokensFor,
} from './lib/engines.js'
import { moduleUrl } from './lib/faults.js'

const N = 24
/** However slow it is. */
const gpu = { allowSoftware: true, module: moduleUrl('dawn.js'), ahead_ms: 1000 }
const options = { backend: 'webgpu', gpu, n_ctx: 128, n_parallel: 2 }
const prompt = tokensFor(9, 200)

/** An answer, and how often the GPU was waited for. */
async function answer(engine, request) {
  const waits = async () => (await engine.statistics()).gpu.readbacks
  const before = await waits()
  const { choices, usage } = await engine.completions.create({ ...greedy, prompt, ...request })
  const [{ text, finish_reason }] = choices
  return { text, finish_reason, usage, waits: (await waits()) - before }
}

async function isTheSame(engine) {
  const request = { max_tokens: N, cache_prompt: false }
  const single = await answer(engine, { ...request, logprobs: 1 })
  const ahead = await answer(engine, request)
  assert.equal(ahead.text, single.text)
  assert.equal(ahead.usage.completion_tokens, N)
  assert.ok(single.waits >= N, `${single.waits} waits for ${N} tokens`)
  assert.ok(ahead.waits < N / 2, `${ahead.waits} waits for ${N} tokens`)
  return ahead.text
}

test('the same answer as token by token, alone, beside one that is cancelled, to the end', () =>
  withEngine(pathOf('tiny-q4_0'), options, async (engine) => {
    const text = await isTheSame(engine)
    const abort = new AbortController()
    const given = { max_tokens: 100, stream: true, signal: abort.signal }
    const stream = await engine.completions.create({ ...greedy, prompt: prompt.slice(3), ...given })
    const cancelled = assert.rejects(
      async () => {
        let n = 0
        for await (const chunk of stream) if (chunk && ++n === 12) abort.abort()
      },
      { name: 'AbortError' },
    )
    assert.equal((await answer(engine, { max_tokens: N, cache_prompt: false })).text, text)
    await cancelled
    const { usage, finish_reason } = await answer(engine, { max_tokens: 1000 })
    assert.equal(finish_reason, 'length')
    assert.ok(usage.total_tokens >= 128, `${usage.total_tokens} tokens`)
  }))

test('windows: the same answer as token by token', () =>
  withEngine(pathOf('family-gemma3'), options, isTheSame))

test('recurrent states: the same answer, and what was found behind its end is forgotten', () =>
  withEngine(pathOf('family-lfm2'), options, async (engine) => {
    const whole = await isTheSame(engine)
    for (const at of [5, 14]) {
      const stop = whole.slice(at, at + 4)
      const { text, finish_reason } = await answer(engine, { max_tokens: N, stop })
      assert.equal(finish_reason, 'stop')
      assert.equal(text, whole.slice(0, whole.indexOf(stop)))
      const again = await answer(engine, { max_tokens: N })
      assert.equal(again.text, whole, `behind an answer that ended at ${at}`)
    }
  }))

test('behind the positions that one workgroup attends to: the reference’s logits', async () => {
  const request = { prompt: tokensFor(252, 200), max_tokens: 8 }
  const sizes = { ...floats, n_ctx: 512 }
  const read = (engine) => logitsOf(engine, request)
  const expected = await withEngine(pathOf('tiny-f32'), asReference(sizes), read)
  const found = await withEngine(pathOf('tiny-f32'), { ...options, ...sizes }, read)
  assert.deepEqual([...found.keys()], [...expected.keys()])
  for (const [step, { token }] of found) assert.equal(token, expected.get(step).token, step)
  const apart = difference(found, expected)
  assert.ok(apart < 3e-4, `${apart}`)
})
