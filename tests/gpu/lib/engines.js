// Engines on the GPU for tests beside the reference's, and how far what they compute is apart.
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { makeRandom } from '../../../models/make-random.mjs'
import { random } from '../../js/lib/random.js'
import { moduleUrl } from './faults.js'

const tiny = new URL('../../../models/tiny/', import.meta.url)

/** Names of the tiny models that `choose` is true of; of those that are split, the whole. */
export const tinyModels = (choose) =>
  readdirSync(tiny)
    .filter((file) => file.endsWith('.gguf') && !/-of-\d+/.test(file))
    .map((file) => file.replace('.gguf', ''))
    .filter(choose)

/** The file of a tiny model: family-lfm2, kquant-q6_k, embed-bert-cls … */
export const pathOf = (name) => fileURLToPath(new URL(`${name}.gguf`, tiny))

/**
 * A model of random weights of 8 bits with heads of 64, which a cache in q8_0 asks for on a GPU;
 * `change` replaces numbers of its shape. Its file goes when the process does.
 */
export function wideHeads(family, change = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-gpu-'))
  process.on('exit', () => rmSync(folder, { recursive: true }))
  const path = join(folder, `${family}.gguf`)
  const sizes = { width: 128, layers: 3, heads: 2, kvHeads: 1, head: 64, ffn: 128, vocab: 320 }
  makeRandom(pathOf('tiny-q8_0'), path, 'Q8_0', { family, ...sizes, ...change })
  return path
}

/** Options for an engine on the GPU; `faults` are a query of dawn.js. */
export const onGpu = (options = {}, faults = '') => ({
  backend: 'webgpu',
  gpu: { allowSoftware: true, module: moduleUrl(`dawn.js${faults}`) },
  ...options,
})
export const asReference = (options = {}) => ({ backend: 'naive', ...options })
/** A cache that rounds nothing, as the reference's. */
export const floats = { cache_type_k: 'f32', cache_type_v: 'f32' }

/** n token ids below n_vocab, the same ones each time. */
export function tokensFor(n, n_vocab, seed = 1) {
  const next = random(seed)
  return Array.from({ length: n }, () => 3 + next(n_vocab - 3))
}

export const greedy = { temperature: 0, ignore_eos: true, prompt_lookup: false }

/** Steps of a request's logits by their kind and position: prompt 0 … All of it is computed. */
export async function logitsOf(engine, request) {
  const steps = new Map()
  for await (const { kind, position, token, logits } of engine.logits({ ...greedy, ...request }))
    steps.set(`${kind} ${position}`, { token, logits })
  return steps
}

/** What is behind a prompt, of which the cache may have much: pieces, with their logarithms. */
export async function likely(engine, request) {
  const reply = await engine.completions.create({ ...greedy, ...request, logprobs: 2 })
  const [{ logprobs }] = reply.choices
  const { tokens, token_logprobs, top_logprobs } = logprobs
  const second = top_logprobs.map((top) => Math.min(...Object.values(top)))
  return { tokens, token_logprobs, second, cache_n: reply.timings.cache_n }
}

/** Asserts that answers are the same and as likely. */
export function assertAsLikely(found, expected, most, what) {
  assert.deepEqual(found.tokens, expected.tokens, what)
  assert.equal(found.cache_n, expected.cache_n, what)
  for (const key of ['token_logprobs', 'second'])
    for (const [i, logprob] of found[key].entries()) {
      const apart = Math.abs(logprob - expected[key][i])
      assert.ok(apart < most, `${what}: ${key}, ${i}: ${apart}`)
    }
}

/** Tokens of the answer. */
export const answerOf = (steps) =>
  [...steps].filter(([at]) => at.startsWith('predicted')).map(([, { token }]) => token)

/**
 * The largest difference of steps that `expected` has too, as a share of its largest logit. Where
 * answers part, the share is that of what came before.
 */
export function difference(steps, expected) {
  assert.ok(steps.size > 0, 'no logits')
  let [most, largest] = [0, 0]
  for (const [at, { token, logits }] of steps) {
    const reference = expected.get(at)
    assert.ok(reference, `no ${at} in the reference`)
    assert.equal(logits.length, reference.logits.length)
    for (const [id, logit] of logits.entries()) {
      const apart = Math.abs(logit - reference.logits[id])
      if (!(apart <= most)) most = apart
      largest = Math.max(largest, Math.abs(reference.logits[id]))
    }
    if (at.startsWith('predicted') && token !== reference.token) break
  }
  return most / largest
}
