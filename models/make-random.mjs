// A model of Llama 3.2 1B's shape, or of another and of another family, with random weights,
// to measure on: large enough to leave every cache, and made here instead of fetched. Same seed,
// same bytes. The tokenizer is another model's, filled up with unused tokens to Llama 3's 128256,
// so that any GGUF program loads the file.
//   node models/make-random.mjs TOKENIZER.gguf OUT.gguf Q4_0|Q8_0|Q6_K|Q4_K_M
import { isMain, main } from '../tools/lib/main.mjs'
import { say } from '../tools/lib/report.mjs'
import { readGguf, rowBytes, tensorTypes, writeGguf } from './gguf.mjs'
import { f32ToF16 } from './quants.mjs'

const shape = { width: 2048, layers: 16, heads: 32, kvHeads: 8, head: 64, ffn: 8192, vocab: 128256 }
const UNUSED = 5 // token type
const types = { u32: 4, f32: 6, string: 8, array: 9 }

const FULL = 3 // of LFM2's layers every third has attention

/**
 * What families have beside llama's: floats (`scales`) and whole numbers (`counts`) of the header,
 * biases, norms of queries and keys and of what sub-layers add, layers with a convolution in place
 * of attention, and experts: so many, those used and the shared one together as wide as `ffn`.
 */
export const families = {
  llama: {},
  gemma: {},
  gemma2: {
    scales: { attn_logit_softcapping: 50, final_logit_softcapping: 30 },
    counts: { 'attention.sliding_window': 4096 },
    postNorms: true,
  },
  gemma3: {
    counts: { 'attention.sliding_window': 512 },
    headNorms: ['attn_q_norm', 'attn_k_norm'],
    postNorms: true,
  },
  granite: {
    scales: {
      'attention.scale': 1 / 64,
      embedding_scale: 12,
      residual_scale: 0.22,
      logit_scale: 8,
    },
  },
  lfm2: {
    counts: { 'shortconv.l_cache': 3 },
    headNorms: ['attn_q_norm', 'attn_k_norm'],
    hasConv: (layer) => layer % FULL !== FULL - 1,
    outputNorm: 'token_embd_norm.weight',
  },
  smollm3: {},
  qwen2: { biases: ['attn_q', 'attn_k', 'attn_v'] },
  qwen2moe: {
    biases: ['attn_q', 'attn_k', 'attn_v'],
    experts: { count: 16, used: 2, part: 1 / 4, shared: 1 / 2 },
  },
  qwen3: { headNorms: ['attn_q_norm', 'attn_k_norm'] },
  qwen3moe: {
    headNorms: ['attn_q_norm', 'attn_k_norm'],
    experts: { count: 16, used: 4, part: 1 / 4 },
  },
}

function metadataOf(tokenizer, type, family, sizes) {
  const scalar = (kind, value) => ({ type: types[kind], value })
  const { layers, vocab } = sizes
  const metadata = new Map([
    ['general.architecture', scalar('string', family)],
    ['general.name', scalar('string', `Random weights, ${family}, ${type}`)],
    ['general.file_type', scalar('u32', (mixtures[type] ?? tensorTypes[type]).fileType)],
    ['general.quantization_version', scalar('u32', 2)],
    [`${family}.block_count`, scalar('u32', layers)],
    [`${family}.context_length`, scalar('u32', 8192)],
    [`${family}.embedding_length`, scalar('u32', sizes.width)],
    [`${family}.feed_forward_length`, scalar('u32', sizes.ffn)],
    [`${family}.attention.head_count`, scalar('u32', sizes.heads)],
    [`${family}.attention.head_count_kv`, kvHeadsOf(family, sizes)],
    [`${family}.attention.key_length`, scalar('u32', sizes.head)],
    [`${family}.attention.value_length`, scalar('u32', sizes.head)],
    [`${family}.attention.layer_norm_rms_epsilon`, scalar('f32', 1e-5)],
    [`${family}.rope.dimension_count`, scalar('u32', sizes.head)],
    [`${family}.rope.freq_base`, scalar('f32', 500000)],
    [`${family}.vocab_size`, scalar('u32', vocab)],
  ])
  for (const [key, value] of Object.entries(families[family].scales ?? {})) {
    metadata.set(`${family}.${key}`, scalar('f32', value))
  }
  for (const [key, value] of Object.entries(families[family].counts ?? {})) {
    metadata.set(`${family}.${key}`, scalar('u32', value))
  }
  const { experts } = families[family]
  if (experts) {
    metadata.set(`${family}.expert_count`, scalar('u32', experts.count))
    metadata.set(`${family}.expert_used_count`, scalar('u32', experts.used))
    const ffn = sizes.ffn * experts.part
    metadata.set(`${family}.expert_feed_forward_length`, scalar('u32', ffn))
  }
  if (experts?.shared) {
    const ffn = sizes.ffn * experts.shared
    metadata.set(`${family}.expert_shared_feed_forward_length`, scalar('u32', ffn))
  }
  for (const [key, entry] of tokenizer.metadata) {
    if (key.startsWith('tokenizer.')) metadata.set(key, padded(key, entry, vocab))
  }
  return metadata
}

/** One number, or where some layers have none one for each. */
function kvHeadsOf(family, { layers, kvHeads }) {
  const { hasConv } = families[family]
  if (!hasConv) return { type: types.u32, value: kvHeads }
  const value = Array.from({ length: layers }, (_, i) => (hasConv(i) ? 0 : kvHeads))
  return { type: types.array, of: types.u32, value }
}

/** Lists with an entry for every token grow to the vocabulary's size. */
function padded(key, entry, vocab) {
  const fill = {
    'tokenizer.ggml.tokens': (i) => `<|unused_${i}|>`,
    'tokenizer.ggml.token_type': () => UNUSED,
    'tokenizer.ggml.scores': () => 0,
  }[key]
  if (!fill) return entry
  const missing = vocab - entry.value.length
  const more = Array.from({ length: missing }, (_, i) => fill(i + entry.value.length))
  return { ...entry, value: [...entry.value, ...more] }
}

/** xorshift128, one stream for the whole file. */
function* randomWords(seed) {
  let [x, y, z, w] = [seed >>> 0 || 1, 362436069, 521288629, 88675123]
  const words = new Uint32Array(1 << 16)
  for (;;) {
    for (let i = 0; i < words.length; i++) {
      const t = x ^ (x << 11)
      x = y
      y = z
      z = w
      w = w ^ (w >>> 19) ^ t ^ (t >>> 8)
      words[i] = w
    }
    yield words
  }
}

/** Mean square of integers from low to high. */
const square = (low, high) => ((high - low + 1) ** 2 - 1) / 12 + ((low + high) / 2) ** 2

/** What minima are in scales, so that Q4_K's weights have the mean 0. */
const MINIMUM = 7.5
const q4kMean = 31.5 * MINIMUM

/**
 * For blocks of random bytes: the standard deviation of the weights at scale 1, and where
 * the f16 scales lie.
 */
const formats = {
  Q4_0: { spread: Math.sqrt((16 ** 2 - 1) / 12), halves: [[0, 1]] },
  Q8_0: { spread: Math.sqrt((256 ** 2 - 1) / 12), halves: [[0, 1]] },
  Q4_K: {
    spread: Math.sqrt(square(0, 63) * (square(0, 15) + MINIMUM ** 2) - 2 * q4kMean ** 2),
    halves: [
      [0, 1],
      [2, MINIMUM],
    ],
  },
  Q6_K: { spread: Math.sqrt(square(-32, 31) * square(-128, 127)), halves: [[208, 1]] },
}

/** llama.cpp's mixtures: the type of each matrix, by its name and layer. */
const mixtures = {
  Q4_K_M: {
    fileType: 15,
    typeOf(name, layer, layers) {
      if (layer === undefined) return 'Q6_K'
      const eighth = Math.floor(layers / 8)
      const more =
        layer < eighth || layer >= Math.floor((7 * layers) / 8) || (layer - eighth) % 3 === 2
      return more && /attn_v|ffn_down/.test(name) ? 'Q6_K' : 'Q4_K'
    },
  },
}

/**
 * Random blocks, several rows at a time: random integers, and scales that give weights of deviation
 * `gain / sqrt(columns)`, so that activations neither vanish nor overflow.
 */
function* randomRows(random, type, columns, rows, gain) {
  const { bytes: size } = tensorTypes[type]
  const atOnce = Math.max(1, Math.floor((2 << 20) / rowBytes(type, columns)))
  const { spread, halves } = formats[type]
  const d = gain / Math.sqrt(columns) / spread
  const scales = halves.map(([, factor]) =>
    Array.from({ length: 256 }, (_, i) => f32ToF16(factor * d * (0.75 + i / 512))),
  )
  for (let row = 0; row < rows; row += atOnce) {
    const bytes = Buffer.alloc(Math.min(atOnce, rows - row) * rowBytes(type, columns))
    for (let at = 0; at < bytes.length; ) {
      const words = random.next().value
      const piece = Buffer.from(words.buffer).subarray(0, bytes.length - at)
      at += piece.copy(bytes, at)
    }
    for (let at = 0; at < bytes.length; at += size) {
      const which = bytes[at + halves[0][0]]
      halves.forEach(([offset], i) => {
        bytes.writeUInt16LE(scales[i][which], at + offset)
      })
    }
    yield bytes
  }
}

/** Numbers of deviation `1 / sqrt(columns)`, evenly spread. */
function* randomFloats(random, columns, rows) {
  const scale = Math.sqrt(12 / columns) / 2 ** 32
  for (let left = columns * rows; left > 0; ) {
    const words = random.next().value.subarray(0, left)
    left -= words.length
    yield Buffer.from(Float32Array.from(words, (word) => (word - 2 ** 31) * scale).buffer)
  }
}

function* ones(n) {
  yield Buffer.from(new Float32Array(n).fill(1).buffer)
}

function tensorsOf(type, family, sizes, random) {
  const { width, layers, heads, kvHeads, head, ffn, vocab } = sizes
  const { biases = [], headNorms = [], postNorms, experts } = families[family]
  const { hasConv = () => false, outputNorm = 'output_norm.weight' } = families[family]
  const matrix = (name, columns, rows, { gain = 1, stack = [] } = {}) => {
    const layer = name.match(/^blk\.(\d+)/)?.[1]
    const own = mixtures[type]?.typeOf(name, layer && Number(layer), layers) ?? type
    return {
      name,
      shape: [columns, rows, ...stack],
      type: own,
      rows: () => randomRows(random, own, columns, rows * (stack[0] ?? 1), gain),
    }
  }
  const vector = (name, n) => ({ name, shape: [n], type: 'F32', rows: () => ones(n) })
  const router = (name, n) => ({
    name,
    shape: [width, n],
    type: 'F32',
    rows: () => randomFloats(random, width, n),
  })
  const norm = (name) => vector(name, width)
  const feedForward = (i, suffix, n, options) => [
    matrix(`blk.${i}.ffn_gate${suffix}.weight`, width, n, options),
    matrix(`blk.${i}.ffn_up${suffix}.weight`, width, n, options),
    matrix(`blk.${i}.ffn_down${suffix}.weight`, n, width, options),
  ]
  const mixture = (i, { count, part, shared }) => [
    router(`blk.${i}.ffn_gate_inp.weight`, count),
    ...feedForward(i, '_exps', ffn * part, { stack: [count] }),
    ...(shared
      ? [router(`blk.${i}.ffn_gate_inp_shexp.weight`, 1), ...feedForward(i, '_shexp', ffn * shared)]
      : []),
  ]
  const projections = { attn_q: heads * head, attn_k: kvHeads * head, attn_v: kvHeads * head }
  const conv = (i) => [
    matrix(`blk.${i}.shortconv.in_proj.weight`, width, 3 * width),
    {
      name: `blk.${i}.shortconv.conv.weight`,
      shape: [3, width],
      type: 'F32',
      rows: () => ones(3 * width),
    },
    matrix(`blk.${i}.shortconv.out_proj.weight`, width, width),
  ]
  const attention = (i) => [
    ...Object.keys(projections).map((name) =>
      matrix(`blk.${i}.${name}.weight`, width, projections[name]),
    ),
    ...biases.map((name) => vector(`blk.${i}.${name}.bias`, projections[name])),
    ...headNorms.map((name) => vector(`blk.${i}.${name}.weight`, head)),
    matrix(`blk.${i}.attn_output.weight`, heads * head, width),
  ]
  const layer = (i) => [
    norm(`blk.${i}.attn_norm.weight`),
    ...(hasConv(i) ? conv(i) : attention(i)),
    ...(postNorms ? [norm(`blk.${i}.post_attention_norm.weight`)] : []),
    norm(`blk.${i}.ffn_norm.weight`),
    ...(experts ? mixture(i, experts) : feedForward(i, '', ffn)),
    ...(postNorms ? [norm(`blk.${i}.post_ffw_norm.weight`)] : []),
  ]
  return [
    // Tied: also the output matrix. The gain gives logits a real model's spread.
    matrix('token_embd.weight', width, vocab, { gain: 2.5 }),
    ...Array.from({ length: layers }, (_, i) => layer(i)).flat(),
    norm(outputNorm),
  ]
}

/** `change` replaces numbers of the shape. */
export function makeRandom(tokenizerPath, target, type, wanted = {}) {
  const { seed = 20, family = 'llama', ...change } = wanted
  if (!formats[type] && !mixtures[type])
    throw new Error(`random weights are made as ${Object.keys({ ...formats, ...mixtures })}`)
  const tokenizer = readGguf(tokenizerPath)
  const sizes = { ...shape, ...change }
  const tensors = tensorsOf(type, family, sizes, randomWords(seed))
  writeGguf(target, metadataOf(tokenizer, type, family, sizes), tensors)
}

if (isMain(import.meta.url)) {
  await main(async () => {
    const [tokenizer, target, type] = process.argv.slice(2)
    if (!target) {
      const types = Object.keys({ ...formats, ...mixtures }).join('|')
      throw new Error(`node models/make-random.mjs TOKENIZER.gguf OUT.gguf ${types}`)
    }
    makeRandom(tokenizer, target, type)
    say(`${target}: ${readGguf(target).bytes} bytes`)
  })
}
