// What is measured: models, metrics, and the targets that the results are held against.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { readGguf } from '../models/gguf.mjs'
import { makeRandom } from '../models/make-random.mjs'
import { requantize } from '../models/requantize.mjs'
import { inRoot, modelCache } from '../tools/lib/paths.mjs'
import { step } from '../tools/lib/report.mjs'
import { installModel } from '../tools/setup/packages.mjs'

const requantized = (type) => (source, target) => requantize(source, target, type)
const random = (type) => (source, target) => makeRandom(source, target, type)

const sizes = {
  n_ctx: 1280,
  memory_ctx: 1024,
  warm: 64,
  short: 16,
  prompt: 256,
  long: 1024,
  decode: 64,
}

/** `make` writes the file from the default model; without one, it is there. */
export const cases = {
  'smollm2-q4_0': { file: 'SmolLM2-135M-Instruct.Q4_0.gguf', make: requantized('Q4_0'), sizes },
  'smollm2-q4_1': { file: 'SmolLM2-135M-Instruct.Q4_1.gguf', sizes },
  'smollm2-q8_0': { file: 'SmolLM2-135M-Instruct.Q8_0.gguf', make: requantized('Q8_0'), sizes },
  'smollm2-f16': { file: 'SmolLM2-135M-Instruct.F16.gguf', make: requantized('F16'), sizes },
  '1b-q4_0': { file: 'random-1b.Q4_0.gguf', make: random('Q4_0'), sizes },
  '1b-q8_0': { file: 'random-1b.Q8_0.gguf', make: random('Q8_0'), sizes },
  '1b-q4_k_m': { file: 'random-1b.Q4_K_M.gguf', make: random('Q4_K_M'), sizes },
  '1b-q6_k': { file: 'random-1b.Q6_K.gguf', make: random('Q6_K'), sizes },
  /** For the test of the benchmark itself. */
  tiny: {
    file: '../tiny/tiny-q8_0.gguf',
    hidden: true,
    sizes: { n_ctx: 128, memory_ctx: 128, warm: 8, short: 4, prompt: 32, long: 64, decode: 8 },
  },
}

export const shownCases = Object.keys(cases).filter((id) => !cases[id].hidden)

/**
 * Metrics of a case, by id. `better` is which way; `of` turns an engine's answer into the value.
 */
export function metricsOf({ prompt, long }) {
  const rate = (count, ms) => (count * 1000) / ms
  const prefill = { unit: 'tok/s', better: 'higher', of: (r) => rate(r.prompt_n, r.prompt_ms) }
  const decode = { unit: 'tok/s', better: 'higher', of: (r) => rate(r.decode_n, r.decode_ms) }
  return {
    decode: { ...decode, request: 'short' },
    [`prefill-${prompt}`]: { ...prefill, request: 'prompt' },
    ttft: { unit: 'ms', better: 'lower', request: 'prompt', of: (r) => r.wall_ms },
    [`prefill-${long}`]: { ...prefill, request: 'long' },
    [`decode-${long}`]: { ...decode, request: 'long' },
    'load-url': { unit: 'ms', better: 'lower', load: true },
    'load-local': { unit: 'ms', better: 'lower', load: true },
    memory: { unit: 'MB', better: 'lower', load: true },
  }
}

/** What a request of each kind asks for: prompt tokens, then tokens one by one. */
export const requestsOf = ({ short, prompt, long, decode }) => ({
  short: { length: short, n: decode },
  prompt: { length: prompt, n: 0 },
  long: { length: long, n: decode },
})

// ---- targets ------------------------------------------------------------------------------------

const q4 = ['smollm2-q4_0', 'smollm2-q4_1']
const smol = [...q4, 'smollm2-q8_0']
const large = ['1b-q4_0', '1b-q8_0']
const all = [...smol, ...large, '1b-q4_k_m']
const wllama = { peer: 'wllama', hosts: ['chromium'] }
/** Whichever number of threads llama.cpp is faster with. */
const native = { peer: 'native', hosts: ['chromium', 'node24'] }
const single = { peer: 'llama-cpp-1', hosts: ['wasmtime'] }

/**
 * Ratios to reach: [must, stretch], how many times better than the peer. `intel` has those for
 * Intel's processors, where llama.cpp computes on vectors of 512 bits at three ports and wasm on
 * vectors of 128.
 */
export const targets = [
  { ...wllama, metric: 'decode', cases: q4, ratio: [6, 8] },
  { ...wllama, metric: 'decode', cases: ['smollm2-q8_0'], ratio: [5, 7] },
  { ...wllama, metric: 'decode', cases: large, ratio: [6, 7] },
  { ...wllama, metric: 'decode-1024', cases: smol, ratio: [6, 8] },
  { ...wllama, metric: 'prefill-256', cases: smol, ratio: [15, 20] },
  { ...wllama, metric: 'prefill-256', cases: large, ratio: [20, 30] },
  { ...native, metric: 'decode', cases: all, ratio: [1, 1.2] },
  { ...native, metric: 'decode-1024', cases: all, ratio: [1, 1.2] },
  { ...native, metric: 'prefill-256', cases: all, ratio: [0.7, 1], intel: [0.5, 0.7] },
  { ...single, metric: 'decode', cases: [...all, 'smollm2-f16'], ratio: [0.95, 1.2] },
  { ...single, metric: 'prefill-256', cases: [...all, 'smollm2-f16'], ratio: [0.4, 0.6] },
]

/** Other limits, on the hosts with threads. */
export const bounds = {
  /** Share of the read bandwidth that decoding reaches, by bits of a weight. */
  bandwidth: { 4: 0.45, 6: 0.45, 8: 0.6, 16: 0.6 },
  /** Loading, in bare fetches of the same URL. */
  load: 1.25,
  /** Memory above the weights, in MB. */
  memory: 64,
  /** Peer's compressed size over ours. */
  size: 8,
}

// ---- files --------------------------------------------------------------------------------------

/** Makes a case's file if it is missing, and adds what its header says. */
export async function prepare(id) {
  const entry = cases[id]
  const path = join(modelCache, entry.file)
  if (!existsSync(path)) {
    const { path: source } = await installModel()
    if (entry.make) await step(`Make ${entry.file}`, () => entry.make(source, path))
  }
  const url = path.slice(inRoot('models').length)
  return { id, ...entry, path, url, ...describe(path) }
}

/** Bytes that a token reads and multiplications that it costs, from the table of tensors. */
function describe(path) {
  const { metadata, tensors, bytes } = readGguf(path)
  const weights = ({ shape }) => shape.reduce((product, n) => product * n, 1)
  const matrices = tensors.filter(({ shape }) => shape.length === 2)
  const tied = !tensors.some(({ name }) => name === 'output.weight')
  const embedding = ({ name }) => name === 'token_embd.weight'
  const read = matrices.filter((tensor) => tied || !embedding(tensor))
  const inner = read.filter((tensor) => !embedding(tensor) && tensor.name !== 'output.weight')
  const sum = (list, of) => list.reduce((total, tensor) => total + of(tensor), 0)
  const readBytes = sum(read, (tensor) => tensor.bytes)
  const number = (key) => metadata.get(`llama.${key}`)?.value
  const head = number('embedding_length') / number('attention.head_count')
  return {
    fileBytes: bytes,
    weightBytes: sum(tensors, (tensor) => tensor.bytes),
    bytesPerToken: readBytes,
    /** Keys and values of one position, as f16. */
    kvBytes: 4 * number('block_count') * number('attention.head_count_kv') * head,
    bitsPerWeight: Math.floor((8 * readBytes) / sum(read, weights)),
    macsPerPromptToken: sum(inner, weights),
  }
}
