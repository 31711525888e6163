// How far a GPU's predictions are from the reference's, for every format of weights and type of
// cache: over random tokens as far as the model was trained, 512 at most. Prints the figures.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withEngine } from '../js/lib/models.js'
import * as engines from './lib/engines.js'

const { asReference, floats, logitsOf, onGpu, pathOf, tinyModels, tokensFor, wideHeads } = engines

const shape = { n_ctx: 512, n_batch: 128 }

async function read(engine) {
  const { n_ctx_train, n_vocab } = engine.info
  const prompt = tokensFor(Math.min(512, n_ctx_train), n_vocab)
  return logitsOf(engine, { prompt, max_tokens: 0 })
}

const bestOf = (logits) => logits.reduce((best, logit, id) => (logit > logits[best] ? id : best), 0)

/** Log-probabilities in double precision. */
function logProbs(logits) {
  const most = logits[bestOf(logits)]
  const sum = logits.reduce((total, logit) => total + Math.exp(logit - most), 0)
  return Float64Array.from(logits, (logit) => logit - most - Math.log(sum))
}

/** Share of steps whose best token is the reference's, and the mean divergence from it. */
function compare(steps, expected) {
  assert.deepEqual([...steps.keys()], [...expected.keys()])
  let [same, kl] = [0, 0]
  for (const [at, { logits }] of steps) {
    const reference = expected.get(at).logits
    if (bestOf(logits) === bestOf(reference)) same++
    const [p, q] = [logProbs(reference), logProbs(logits)]
    kl += p.reduce((sum, one, id) => sum + Math.exp(one) * (one - q[id]), 0)
  }
  return { n: steps.size, top_1: same / steps.size, kl: kl / steps.size }
}

const wide = wideHeads('llama')
const cases = [
  ...tinyModels((name) => /^(kquant|tiny)/.test(name)).map((name) => [
    name,
    pathOf(name),
    'f16',
    'f16',
  ]),
  ['heads of 64', wide, 'f16', 'f16'],
  ['heads of 64', wide, 'q8_0', 'q8_0'],
  ['heads of 64', wide, 'f16', 'q8_0'],
]
for (const [name, path, cache_type_k, cache_type_v] of cases)
  test(`${name}, keys in ${cache_type_k}, values in ${cache_type_v}`, async (t) => {
    const expected = await withEngine(path, asReference({ ...shape, ...floats }), read)
    const options = onGpu({ ...shape, cache_type_k, cache_type_v })
    const { n, top_1, kl } = compare(await withEngine(path, options, read), expected)
    t.diagnostic(`${n} tokens: best token ${(100 * top_1).toFixed(1)} %, KL ${kl.toExponential(1)}`)
    assert.ok(n > 1)
    const least = cache_type_v === 'q8_0' ? 0.98 : 0.99 // such a cache rounds wherever it is
    assert.ok(top_1 >= least, `best token: ${top_1}`)
    assert.ok(kl <= 0.002, `KL: ${kl}`)
  })
