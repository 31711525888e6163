// A batch in the words that kernels read (batch.def).
import { batchWords } from './kernels.js'

export const NONE = 0xffffffff

/**
 * The words of a batch. Each of `sequences` has n tokens in it behind `before` tokens, and may have
 * `state` (a slot), `ends` (slots behind its tokens), `ids`, and `pages`: for each layer group its
 * page numbers. `outputs` are indices of tokens, `ropes` cosines and sines.
 */
export function makeBatch(sequences, { outputs = [], ropes = [] } = {}) {
  const each = sequences.flatMap((sequence, seq) =>
    Array.from({ length: sequence.n }, (_, i) => ({
      id: sequence.ids?.[i] ?? 0,
      position: sequence.before + i,
      seq,
      end: sequence.ends?.[i] ?? NONE,
    })),
  )
  const words = new Array(batchWords.length).fill(0)
  const put = (name, values) => {
    words[batchWords.indexOf(name)] = words.length
    words.push(...values)
  }
  words[batchWords.indexOf('N_TOKENS')] = each.length
  words[batchWords.indexOf('N_OUTPUTS')] = outputs.length
  const column = (key) => each.map((token) => token[key])
  put('TOKENS_AT', column('id'))
  put('POSITIONS_AT', column('position'))
  put('SEQS_AT', column('seq'))
  put('ENDS_AT', column('end'))
  put('OUTPUTS_AT', outputs)
  put('SEQUENCES_AT', new Array(8 * sequences.length).fill(0))
  const at = words[batchWords.indexOf('SEQUENCES_AT')]
  let first = 0
  for (const [seq, { n, before, state = NONE, pages = [] }] of sequences.entries()) {
    const own = [first, n, before, state]
    for (const numbers of pages) {
      own.push(words.length)
      words.push(...numbers)
    }
    words.splice(at + 8 * seq, own.length, ...own)
    first += n
  }
  put('ROPES_AT', new Uint32Array(Float32Array.from(ropes).buffer))
  return Uint32Array.from(words)
}

/** The tokens of the batch, each with its sequence: an array for references. */
export const tokensOf = (sequences) =>
  sequences.flatMap((sequence, seq) => {
    const first = sequences.slice(0, seq).reduce((sum, { n }) => sum + n, 0)
    return Array.from({ length: sequence.n }, (_, i) => ({
      sequence,
      seq,
      first,
      position: sequence.before + i,
    }))
  })
