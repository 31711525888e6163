// Prompts of an exact number of tokens: those of common words in random order. Every prompt is
// another, so that nothing that was computed before could answer it.

/** @import { Engine } from 'sotto' */

const words = `time people water good work place little house country small night part even last
school story eye talk river stone winter letter music garden paper window bread morning street color
answer`

/**
 * @param {Engine} engine
 * @returns {Promise<(length: number) => number[]>}
 */
export async function promptMaker(engine) {
  const ids = [...new Set(await engine.tokenize(words.replace(/\s+/g, ' ')))]
  return (length) =>
    Array.from(crypto.getRandomValues(new Uint32Array(length)), (n) => ids[n % ids.length])
}
