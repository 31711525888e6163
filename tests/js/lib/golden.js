// The request behind tests/golden/logits-hash.txt: 64 prompt and 32 generated tokens.
import { readFileSync } from 'node:fs'

const golden = new URL('../../golden/', import.meta.url)
const header = 32 // bytes before the token ids of a golden file

export const expectedHash = readFileSync(new URL('logits-hash.txt', golden), 'utf8').trim()

const file = readFileSync(new URL('smollm2-q4_1.golden', golden))
export const goldenRequest = {
  prompt: Array.from({ length: 64 }, (_, index) => file.readInt32LE(header + 4 * index)),
  max_tokens: 32,
  temperature: 0,
  ignore_eos: true,
  cache_prompt: false,
}
