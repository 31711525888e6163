// A GPU whose answers come late: what they say is the same, and nobody waits for those that are not
// wanted any more.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withEngine } from '../js/lib/models.js'
import * as engines from './lib/engines.js'

const { asReference, assertAsLikely, floats, likely, onGpu, pathOf } = engines

const options = { ...floats, n_ctx: 256, n_parallel: 2 }
const request = { prompt: [5, 70, 9], max_tokens: 4, cache_prompt: false }

test('answers that come 100 ms late are right, and cancels do not wait for them', async () => {
  const read = (engine) => likely(engine, request)
  const expected = await withEngine(pathOf('tiny-f32'), asReference(options), read)
  await withEngine(pathOf('tiny-f32'), onGpu(options, '?slow=100'), async (engine) => {
    assertAsLikely(await read(engine), expected, 1e-3, 'alone')
    const abort = new AbortController()
    const long = { prompt: [8], max_tokens: 200, ignore_eos: true }
    const given = { ...long, stream: true, signal: abort.signal }
    const stream = await engine.completions.create(given)
    const begin = performance.now()
    const reading = (async () => {
      for await (const chunk of stream) if (chunk) abort.abort()
    })()
    await assert.rejects(reading, { name: 'AbortError' })
    assertAsLikely(await read(engine), expected, 1e-3, 'behind a cancel')
    assert.ok(performance.now() - begin < 5000, 'the rest of 200 tokens was not waited for')
  })
})
