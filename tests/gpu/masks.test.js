// What GPUs may lack: features and limits are masked so that of every two each is there with the
// other, there alone, and both are missing, and models that need most kernels compute what the
// reference does. A weight that is larger than a binding may be lies in splits.
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { withEngine } from '../js/lib/models.js'
import * as engines from './lib/engines.js'

const { asReference, assertAsLikely, difference, floats, likely, logitsOf } = engines
const { onGpu, pathOf, tokensFor, wideHeads } = engines

const MB = 1 << 20
const leastBuffers = { maxStorageBufferBindingSize: 128 * MB, maxBufferSize: 256 * MB }

/**
 * In which rows each is masked: three of five, another three each time, so that two have a row in
 * common and one each for itself. All are there in the other tests, which is the sixth row.
 * SwiftShader has no shader-f16.
 */
const masks = [
  { rows: [1, 2, 3], mask: { without: 'subgroups' } },
  { rows: [1, 2, 4], mask: { without: 'shader-f16' } },
  { rows: [1, 2, 5], mask: { without: 'packed_4x8_integer_dot_product' } },
  { rows: [1, 3, 4], mask: leastBuffers },
  { rows: [1, 3, 5], mask: { maxStorageBuffersPerShaderStage: 8 } },
  { rows: [1, 4, 5], mask: { maxComputeWorkgroupStorageSize: 16384 } },
  { rows: [2, 3, 4], mask: { maxComputeInvocationsPerWorkgroup: 256 } },
]

const maskedIn = (row) => masks.filter(({ rows }) => rows.includes(row)).map(({ mask }) => mask)

const models = ['family-qwen2moe', 'kquant-q4_k_m', 'family-lfm2']
const options = { ...floats, n_ctx: 64, n_batch: 16, n_parallel: 1 }

const run = (engine) =>
  logitsOf(engine, { prompt: tokensFor(20, engine.info.n_vocab), max_tokens: 2 })

const expected = new Map()
before(async () => {
  for (const name of models)
    expected.set(name, await withEngine(pathOf(name), asReference(options), run))
})

for (const row of [1, 2, 3, 4, 5]) {
  const entries = maskedIn(row).flatMap((mask) => Object.entries(mask))
  test(`masked: ${entries.map((entry) => entry.join(' ')).join(', ')}`, async () => {
    for (const name of models)
      await withEngine(
        pathOf(name),
        onGpu(options, `?${new URLSearchParams(entries)}`),
        async (engine) => {
          const { features, limits } = engine.info.gpu
          for (const [what, value] of entries) {
            if (what === 'without') assert.ok(!features.includes(value))
            else assert.equal(limits[what], value)
          }
          const apart = difference(await run(engine), expected.get(name))
          assert.ok(apart < 3e-4, `${name}: ${apart}`)
        },
      )
  })
}

test('a table larger than a binding', async () => {
  const [width, vocab] = [4096, 31000]
  const path = wideHeads('llama', { width, layers: 1, vocab })
  const few = { ...floats, n_ctx: 32, n_batch: 4 }
  const read = (engine) => likely(engine, { prompt: [5, vocab - 1, 20000], max_tokens: 1 })
  const expected = await withEngine(path, asReference(few), read)
  await withEngine(path, onGpu(few, `?${new URLSearchParams(leastBuffers)}`), async (engine) => {
    assert.ok((width / 32) * 34 * vocab > 128 * MB)
    assertAsLikely(await read(engine), expected, 1e-4, 'rows of both splits')
  })
})
