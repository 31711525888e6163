// Prompts of an exact number of tokens, as ids and as text: common words that are one token each
// with the space before them, in random order. Every prompt is another, so that no cache knows it.
import { readGguf } from '../models/gguf.mjs'

const SPACE = 'Ġ' // a space in byte-level vocabularies

/** Words of a model's vocabulary: { id, text }. Early tokens are the most common words. */
export function wordsOf(metadata) {
  const tokens = metadata.get('tokenizer.ggml.tokens').value
  const matching = (pattern) =>
    tokens
      .map((token, id) => ({ id, text: token.replace(SPACE, ' ') }))
      .filter(({ text }) => pattern.test(text))
      .slice(0, 2000)
  const words = matching(/^ [a-z]{3,8}$/)
  return words.length > 100 ? words : matching(/^ [a-z]{1,8}$/)
}

/** A function (length) => { ids, text } over a model's words. */
export function promptMaker(path, seed = 1) {
  const words = wordsOf(readGguf(path).metadata)
  let state = BigInt(seed)
  const next = () => {
    state = BigInt.asUintN(64, state * 6364136223846793005n + 1442695040888963407n)
    return Number(state >> 33n)
  }
  return (length) => {
    const chosen = Array.from({ length }, () => words[next() % words.length])
    return { ids: chosen.map(({ id }) => id), text: chosen.map(({ text }) => text).join('') }
  }
}
