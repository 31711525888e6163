// The models that tests run, and a digest of what a model computes: equal bits, equal digest.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { loadModel } from 'sotto'

const models = new URL('../../../models/', import.meta.url)

export const tinyPath = (name = 'q8_0') => fileURLToPath(new URL(`tiny/tiny-${name}.gguf`, models))
export const tinyBytes = (name) => new Uint8Array(readFileSync(tinyPath(name)))
export const realPath = fileURLToPath(new URL('cache/SmolLM2-135M-Instruct.Q4_1.gguf', models))

/** Loads, on the CPU if nothing else is said, runs `work` with the engine and disposes of it. */
export async function withEngine(source, options, work) {
  const engine = await loadModel(source, { backend: 'cpu', ...options })
  try {
    return await work(engine)
  } finally {
    await engine.dispose()
  }
}

export const withTiny = (work, options = {}) => withEngine(tinyPath(), options, work)

/** A context that takes minutes to fill: what goes to its end is still under way. */
export const endlessContext = { n_ctx: 65536 }

/**
 * Resolves once a stream that was asked for now has its first token: what came before is at work.
 */
export async function firstToken(engine) {
  const stream = await engine.completions.create({ prompt, max_tokens: 8, stream: true })
  for await (const chunk of stream) if (chunk) break
}

/** Resolves as soon as `condition` holds, or after ten seconds. */
export async function until(condition) {
  for (let i = 0; i < 1000 && !condition(); i++) await sleep(10)
}

export const prompt = 'A river runs past 12 old houses; it does not stop.'

/** sha256 over every logit of a prompt and of a greedy answer. */
export async function logitsDigest(engine, request = {}) {
  const hash = createHash('sha256')
  const defaults = { prompt, max_tokens: 8, temperature: 0, ignore_eos: true }
  let steps = 0
  for await (const { logits } of engine.logits({ ...defaults, ...request })) {
    hash.update(logits)
    steps++
  }
  return { digest: hash.digest('hex'), steps }
}
