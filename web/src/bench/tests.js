// What the benchmark measures: which requests it sends, which of them a context holds, and what the
// figures are called. Plain data, no document.

/** Positions of the context that a run loads its model with: room for the longest request. */
export const N_CTX = 1280

/**
 * A prompt that is computed, and tokens that are generated behind it one by one.
 * @typedef {{ prompt: number, n: number }} Ask
 */

/**
 * What people compare, by the names of llama-bench: pp512 is a prompt of 512 tokens, tg128 are 128
 * tokens generated one by one, tg128 @ d512 the same behind 512 others. Generation needs a token to
 * go on from, so the prompt of tg128 is one token.
 * @type {Record<string, { label: string, rounds: number, asks: Ask[] }>}
 */
export const presets = {
  quick: {
    label: 'Quick',
    rounds: 3,
    asks: [
      { prompt: 64, n: 0 },
      { prompt: 256, n: 0 },
      { prompt: 1, n: 64 },
    ],
  },
  standard: {
    label: 'Standard',
    rounds: 5,
    asks: [
      { prompt: 64, n: 0 },
      { prompt: 256, n: 0 },
      { prompt: 1, n: 128 },
      { prompt: 512, n: 128 },
    ],
  },
  long: {
    label: 'Long context',
    rounds: 5,
    asks: [
      { prompt: 64, n: 0 },
      { prompt: 256, n: 0 },
      { prompt: 1, n: 128 },
      { prompt: 512, n: 128 },
      { prompt: 1024, n: 128 },
    ],
  },
}

/** Prompt after which the time to the first token is told, if the context holds it. */
const FIRST_AFTER = 256
const SHORTER = [128, 64, 32, 16, 8]

/**
 * The requests of a preset that a context holds. Where it does not hold the tokens to generate
 * behind the shortest prompt, there are fewer of them.
 * @param {string} preset
 * @param {number} positions
 * @returns {Ask[]}
 */
export function asksFor(preset, positions) {
  const fits = (/** @type {Ask} */ { prompt, n }) => prompt + n + 1 <= positions
  return presets[preset].asks.flatMap((ask) => {
    if (fits(ask)) return [ask]
    const fewer = SHORTER.find((n) => n < ask.n && fits({ prompt: ask.prompt, n }))
    return ask.prompt === 1 && fewer ? [{ prompt: 1, n: fewer }] : []
  })
}

/**
 * The short requests, which are made once before anything counts: the browser has translated the
 * code by then, and the engine has tried its kernels.
 * @param {Ask[]} asks
 */
export const warmUpOf = (asks) => asks.filter(({ prompt }) => prompt <= FIRST_AFTER)

/** What a figure is. @typedef {'prefill' | 'decode' | 'first' | 'gap_p50' | 'gap_p95'} Kind */

/**
 * A figure: its kind, how many tokens it is about, behind how many.
 * @typedef {{ kind: Kind, tokens: number, depth: number }} Figure
 */

/** @type {Record<Kind, { unit: 'tokens/s' | 'ms' | 'lower' }>} */
export const kinds = {
  prefill: { unit: 'tokens/s' },
  decode: { unit: 'tokens/s' },
  first: { unit: 'ms' },
  gap_p50: { unit: 'ms' },
  gap_p95: { unit: 'ms' },
}

/**
 * The figures that one request gives, in the order in which they are shown.
 * @param {Ask} ask
 * @param {Ask[]} asks all of the run
 * @returns {Figure[]}
 */
export function figuresOf({ prompt, n }, asks) {
  const of = (/** @type {Kind} */ kind, tokens = n, depth = prompt === 1 ? 0 : prompt) => ({
    kind,
    tokens,
    depth,
  })
  const longest = Math.max(...asks.map((ask) => ask.prompt).filter((p) => p <= FIRST_AFTER))
  return [
    ...(prompt > 1 ? [of('prefill', prompt, 0)] : []),
    ...(prompt === longest ? [of('first', prompt, 0)] : []),
    ...(n > 0 ? [of('decode'), of('gap_p50'), of('gap_p95')] : []),
  ]
}

/** Short, as llama-bench has it. @param {Figure} figure */
export function shortName({ kind, tokens, depth }) {
  const at = depth ? ` @ d${depth}` : ''
  if (kind === 'prefill') return `pp${tokens}${at}`
  if (kind === 'first') return `ttft${tokens}${at}`
  const test = `tg${tokens}${at}`
  if (kind === 'decode') return test
  return `${test} ${kind === 'gap_p50' ? 'p50' : 'p95'}`
}

/** In words. @param {Figure} figure */
export function longName({ kind, tokens, depth }) {
  const after = depth ? ` after ${depth}` : ''
  if (kind === 'prefill') return `Prompt of ${tokens} tokens`
  if (kind === 'first') return `First token after a prompt of ${tokens}`
  if (kind === 'decode') return `${tokens} tokens one by one${after}`
  return `Between tokens${after}, ${kind === 'gap_p50' ? 'median' : '95th percentile'}`
}

/** What is being measured, for the line of progress. @param {Ask} ask */
export function askName({ prompt, n }) {
  if (n === 0) return `a prompt of ${prompt} tokens`
  if (prompt === 1) return `${n} tokens one by one`
  return `a prompt of ${prompt} tokens, then ${n} one by one`
}
