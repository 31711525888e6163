// Every family on a GPU beside the reference: in batches that are cut, beside each other, taken up
// again where an earlier request ended, as scores and as embeddings. agreement.test.js has formats.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withEngine } from '../js/lib/models.js'
import * as engines from './lib/engines.js'

const { answerOf, assertAsLikely, difference, floats, likely, logitsOf } = engines
const { onGpu, pathOf, tinyModels, tokensFor } = engines

/** Of the largest logit: activations are int16, and sums in another order. SmolLM3 is at 3.3e-4. */
const SAME = 4e-4
const small = { n_ctx: 384, n_batch: 24, n_parallel: 3 }

/** Runs `work` on the reference and then, with what it gave, on the GPU. */
async function onBoth(name, options, work) {
  const reference = engines.asReference({ ...options, ...floats })
  const expected = await withEngine(pathOf(name), reference, (engine) => work(engine))
  return withEngine(pathOf(name), onGpu({ ...floats, ...options }), (engine) => {
    assert.ok(engine.info.gpu, 'it runs on a GPU')
    return work(engine, expected)
  })
}

function assertSame(steps, expected, what, bound = SAME) {
  const apart = difference(steps, expected)
  assert.ok(apart < bound, `${what}: ${apart}`)
  assert.deepEqual(answerOf(steps), answerOf(expected), what)
  return apart
}

/**
 * What a causal model does with requests, one after the other. `expected`: the same of another.
 * Prompts are longer than two pages, windows of 37 and a batch, but where experts make them slow.
 */
async function requests(engine, expected) {
  const tokens = tokensFor(100, engine.info.n_vocab)
  const prompt = tokens.slice(0, /moe|mixtral/.test(engine.info.name) ? 36 : 70)
  const run = (request) => logitsOf(engine, { max_tokens: 2, ...request })
  const kept = await run({ prompt, max_tokens: 4 })
  const results = { 'in batches': kept }
  const behind = {}
  for (const [what, longer] of Object.entries({
    'behind an answer': [...prompt, ...answerOf(kept), ...tokens.slice(90, 94)],
    'behind a prompt': [...prompt, ...tokens.slice(80, 86)],
    'where it has been': prompt,
  }))
    behind[what] = await likely(engine, { prompt: longer, max_tokens: 2 })
  const together = [tokens.slice(65), tokens.slice(9, 12), tokens.slice(50, 51)]
  const alone = { cache_prompt: false }
  const all = await Promise.all(together.map((one) => run({ prompt: one, ...alone })))
  for (const [i, steps] of all.entries()) results[`beside others, ${i}`] = steps
  const score = await engine.score(tokens.slice(0, 26))
  if (!expected) return { results, behind, score }
  for (const [what, found] of Object.entries(behind)) {
    assert.ok(found.cache_n > 31)
    assertAsLikely(found, expected.behind[what], 1e-3, what)
  }
  const apart = Object.entries(results).map(([what, steps]) =>
    assertSame(steps, expected.results[what], what),
  )
  assertScores(score, expected.score)
  return Math.max(...apart)
}

function assertScores(score, expected) {
  assert.deepEqual(score.tokens, expected.tokens)
  for (const [i, logprob] of score.logprobs.entries()) {
    const most = 1e-3 * Math.max(1, Math.abs(expected.logprobs[i]))
    assert.ok(Math.abs(logprob - expected.logprobs[i]) < most, `${i}: ${logprob}`)
  }
}

const isFamily = (name) => /^family/.test(name) && !/noncausal/.test(name)
for (const name of [...tinyModels(isFamily), 'tiny-f16', 'kquant-odd-q4_k_m'])
  test(name, async (t) => {
    const apart = await onBoth(name, small, requests)
    t.diagnostic(`${name}: ${apart.toExponential(1)}`)
  })

test('a model that attends in both directions scores', async () => {
  const options = { n_ctx: 256, n_batch: 96 }
  await onBoth('family-llama-noncausal', options, async (engine, expected) => {
    const texts = [90, 33, 1].map((n) => tokensFor(n, engine.info.n_vocab, n))
    const work = texts.map((prompt) => logitsOf(engine, { prompt, max_tokens: 0 }))
    const found = { all: await Promise.all(work), score: await engine.score(texts[0]) }
    if (!expected) return found
    for (const [i, steps] of found.all.entries()) assertSame(steps, expected.all[i], `text ${i}`)
    assertScores(found.score, expected.score)
  })
})

for (const name of tinyModels((found) => found.startsWith('embed')))
  test(name, async () => {
    const options = { n_ctx: 256, n_batch: 80, n_parallel: 3 }
    await onBoth(name, options, async (engine, expected) => {
      const input = [70, 3, 41, 1, 64].map((n) => tokensFor(n, engine.info.n_vocab, n))
      const { data } = await engine.embeddings.create({ input })
      if (!expected) return data
      for (const [i, { embedding }] of data.entries())
        for (const [k, value] of embedding.entries())
          assert.ok(Math.abs(value - expected[i].embedding[k]) < SAME, `text ${i}, ${k}: ${value}`)
    })
  })
