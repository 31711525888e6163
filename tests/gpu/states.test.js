// Saved states between a GPU and the CPU: the bytes of one are taken by the other and given back
// unchanged, and an answer goes on behind them as on the side that saved.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withEngine } from '../js/lib/models.js'
import * as engines from './lib/engines.js'

const { answerOf, assertAsLikely, likely, logitsOf } = engines
const { onGpu, pathOf, tokensFor, wideHeads } = engines

const small = { n_ctx: 256, n_batch: 64, n_parallel: 1 }
const HEADER = 40 // bytes before the tokens (src/kv/snapshot.c)

/** Computes a prompt and some of an answer; the tokens, and what has been saved of them. */
async function begin(engine) {
  const prompt = tokensFor(70, engine.info.n_vocab)
  const steps = await logitsOf(engine, { prompt, max_tokens: 4 })
  return { tokens: [...prompt, ...answerOf(steps)], state: await engine.saveState() }
}

/** Goes on behind the tokens of a state. */
async function goOn(engine, { tokens, state }) {
  await engine.clearCache()
  const { n_tokens } = await engine.loadState(state)
  assert.ok(n_tokens >= tokens.length - 1)
  assert.deepEqual(await engine.saveState(), state, 'the bytes are the same')
  const found = await likely(engine, { prompt: tokens, max_tokens: 6 })
  assert.ok(found.cache_n >= tokens.length - 2)
  return found
}

/** Header and tokens. */
const headOf = ({ state, tokens }) =>
  Buffer.from(state.subarray(0, HEADER + 4 * (tokens.length - 1))).toString('hex')

/** The same answer, up to one token of two that are as likely. */
function assertSameAnswer(found, expected) {
  const parted = expected.tokens.findIndex((token, i) => token !== found.tokens[i])
  if (parted < 0) return
  for (const { token_logprobs, second } of [found, expected])
    assert.ok(token_logprobs[parted] - second[parted] < 0.2, `${parted}: ${found.tokens}`)
}

const cases = [
  ['family-lfm2', pathOf('family-lfm2'), 'f16'],
  ['family-lfm2', pathOf('family-lfm2'), 'f32'],
  ['family-gemma3', pathOf('family-gemma3'), 'f16'], // with windows of 37
  ['family-gemma3', pathOf('family-gemma3'), 'f32'],
  ['lfm2', wideHeads('lfm2'), 'q8_0'],
  ['gemma3', wideHeads('gemma3'), 'q8_0'],
]
for (const [name, path, cache] of cases)
  test(`${name} with a cache in ${cache}: from a GPU to the CPU and back`, async () => {
    const options = { ...small, cache_type_k: cache, cache_type_v: cache }
    await withEngine(path, onGpu(options), async (gpu) => {
      const saved = await begin(gpu)
      const expected = await likely(gpu, { prompt: saved.tokens, max_tokens: 6 })
      await withEngine(path, { ...options, n_threads: 1 }, async (cpu) => {
        const own = await begin(cpu)
        assert.deepEqual(own.tokens, saved.tokens)
        assert.equal(headOf(own), headOf(saved))
        assert.equal(own.state.length, saved.state.length)
        assertSameAnswer(await goOn(cpu, saved), expected)
        assertSameAnswer(await goOn(gpu, own), await goOn(cpu, own))
      })
      assertAsLikely(await goOn(gpu, saved), expected, 1e-4, 'back')
    })
  })
