// One request, measured: by the engine's own clock what it computed, by the page's
// what a reader sees.
import { quantile } from '../statistics.js'

/** @import { Engine, Timings } from 'sotto' */
/** @import { Ask, Kind } from './tests.js' */

/**
 * @typedef {{ values: Partial<Record<Kind, number>>, gaps: number[] }} Sample times in ms,
 *   rates per second
 */

/** What the engine computed is not what was asked for: the sample says nothing. */
export class SpoiledSample extends Error {}

/**
 * Generates greedily, past every end token, reuses nothing that was computed before,
 * and drafts nothing: every token costs one pass. The first token belongs to the prompt,
 * so `n` more are asked for.
 * @param {Engine} engine
 * @param {number[]} prompt
 * @param {number} n
 * @param {AbortSignal} signal
 * @returns {Promise<Sample>}
 */
export async function measure(engine, prompt, n, signal) {
  const begin = performance.now()
  const stream = await engine.completions.create({
    prompt,
    max_tokens: n + 1,
    temperature: 0,
    ignore_eos: true,
    cache_prompt: false,
    prompt_lookup: false,
    stream: true,
    signal,
  })
  /** @type {number[]} when pieces of text came */
  const times = []
  /** @type {Timings | undefined} */
  let timings
  for await (const chunk of stream) {
    // A token that is only a part of a character comes with the next one.
    if (chunk.choices[0]?.text || (chunk.timings && !times.length)) times.push(performance.now())
    timings = chunk.timings ?? timings
  }
  const { prompt_ms, predicted_ms } = proven(timings, { prompt: prompt.length, n })
  const gaps = times.slice(1).map((time, index) => time - times[index])
  const sorted = gaps.toSorted((a, b) => a - b)
  const values = { prefill: (prompt.length * 1000) / prompt_ms, first: times[0] - begin }
  if (n > 0) Object.assign(values, { decode: (n * 1000) / predicted_ms })
  if (gaps.length > 0)
    Object.assign(values, { gap_p50: quantile(sorted, 0.5), gap_p95: quantile(sorted, 0.95) })
  return { values, gaps }
}

/**
 * That nothing was reused, drafted or left out.
 * @param {Timings | undefined} timings
 * @param {Ask} asked
 */
export function proven(timings, { prompt, n }) {
  if (!timings) throw new SpoiledSample('the engine sent no timings')
  const { cache_n, prompt_n, predicted_n, draft_n, prompt_ms, predicted_ms } = timings
  const asked = `asked for ${prompt} and ${n} tokens`
  if (cache_n || prompt_n !== prompt || predicted_n !== n + 1 || draft_n)
    throw new SpoiledSample(
      `${asked}, got ${prompt_n} and ${predicted_n - 1}, ` +
        `${cache_n} from the cache, ${draft_n} drafted`,
    )
  if (!(prompt_ms > 0) || (n > 0 && !(predicted_ms > 0)))
    throw new SpoiledSample(`${asked}, which took no time that this clock could see`)
  return timings
}
