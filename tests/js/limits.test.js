// What numbers may be: LIMITS, which is base/limits.def, at the library's door.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { LIMITS, loadModel } from 'sotto'
import { tinyPath } from './lib/models.js'

let engine
before(async () => {
  engine = await loadModel(tinyPath())
})
after(() => engine.dispose())

const create = (request) => engine.completions.create({ prompt: 'A river', ...request })

test('numbers are taken up to either end of their range, and no further', async () => {
  const { n_stop, stop_bytes, n_logit_bias: _, logit_bias: __, top_logprobs, ...others } = LIMITS
  const requests = Object.entries({ ...others, logprobs: top_logprobs }).filter(
    ([field]) => !/^n_|^memory/.test(field),
  )
  assert.equal(requests.length, 11)
  for (const [field, { min, max }] of requests) {
    const step = Number.isInteger(min) ? 1 : 0.001
    for (const value of [min, max]) {
      if (field !== 'max_tokens') await create({ [field]: value, max_tokens: 1 })
    }
    for (const value of [min - step, max + step]) {
      const error = await create({ [field]: value }).catch((reason) => reason)
      assert.equal(error.code, 'invalid_argument')
      assert.deepEqual(error.details, { field })
      assert.ok(error.message.includes(`from ${min} to ${max}`), error.message)
    }
  }
  const stop = (count, length) => ({ stop: Array(count).fill('~'.repeat(length)), max_tokens: 2 })
  await create(stop(n_stop.max, stop_bytes.max))
  const refused = { details: { field: 'stop' } }
  await assert.rejects(create(stop(n_stop.max + 1, 1)), refused)
  await assert.rejects(create(stop(1, stop_bytes.max + 1)), refused)
  await assert.rejects(create(stop(1, 0)), refused)
  for (const bias of [LIMITS.logit_bias.min, -Infinity]) await create({ logit_bias: { 7: bias } })
  const biased = create({ logit_bias: { 7: 1e31 } })
  await assert.rejects(biased, { details: { field: 'logit_bias' } })
})

test('numbers of options are refused before anything is started or fetched', async () => {
  const fields = ['n_ctx', 'n_batch', 'n_parallel', 'n_threads', 'memory_budget']
  for (const field of fields) {
    for (const value of [LIMITS[field].min - 1, LIMITS[field].max + 2, 1.5]) {
      const loading = loadModel('no such file', { [field]: value, workerUrl: 'none' })
      await assert.rejects(loading, { code: 'invalid_argument', details: { field } })
    }
  }
})
