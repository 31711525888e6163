// The same bits everywhere: the hash over the logits of the default model is the one that
// native programs and wasmtime compute, for the vector variants that this Node.js runs
// (once/ has the scalar one), for any way of cutting the prompt, for any number of threads,
// and beside another sequence.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { logitsHash } from './lib/fnv.js'
import { expectedHash, goldenRequest } from './lib/golden.js'
import { realPath, withEngine } from './lib/models.js'

const expected = { hash: expectedHash, positions: 96 }

for (const [variant, n_threads, n_batch] of [
  ['auto', 1, 64],
  ['auto', 2, 64],
  ['auto', 3, 29],
  ['simd128', 1, 7],
]) {
  test(`${variant}, ${n_threads} threads, in batches of ${n_batch}`, async () => {
    const options = { variant, n_threads, n_batch, n_ctx: 256, n_parallel: 2 }
    await withEngine(realPath, options, async (engine) => {
      assert.equal(engine.info.n_threads, n_threads)
      assert.deepEqual(await logitsHash(engine, goldenRequest), expected)
      if (n_batch !== 64) return
      const other = { prompt: goldenRequest.prompt.slice(5, 42), max_tokens: 20, temperature: 0 }
      const [beside] = await Promise.all([
        logitsHash(engine, goldenRequest),
        engine.completions.create({ ...other, ignore_eos: true }),
      ])
      assert.deepEqual(beside, expected)
    })
  })
}
