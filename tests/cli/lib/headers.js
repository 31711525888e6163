// GGUF files that are all header: the metadata of a list in tests/golden/keys/, with token strings
// made up, and the tensor table of such a file. The data is a hole of the right length, so a file
// of many gigabytes takes a few megabytes of disk and can be inspected like the real one.
import { closeSync, ftruncateSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../command.js'
import { encoderTable } from './encoders.js'

const folder = join(root, 'tests/golden/keys')
export const lists = readdirSync(folder)
  .filter((name) => name.endsWith('.keys'))
  .map((name) => name.slice(0, -'.keys'.length))

/** GGUF's numbers of metadata types. */
const types = { u8: 0, i8: 1, u16: 2, i16: 3, u32: 4, i32: 5, f32: 6, bool: 7, str: 8, u64: 10 }
const ARRAY = 9

/** ggml's numbers of tensor types, weights and bytes of a block. */
const tensorTypes = {
  F32: [0, 1, 4],
  F16: [1, 1, 2],
  Q4_0: [2, 32, 18],
  Q4_1: [3, 32, 20],
  Q8_0: [8, 32, 34],
  Q3_K: [11, 256, 110],
  Q4_K: [12, 256, 144],
  Q5_K: [13, 256, 176],
  Q6_K: [14, 256, 210],
  IQ2_XXS: [16, 256, 66],
  BF16: [30, 1, 2],
}

/** Numbers of llama.cpp's file types: the type of most matrices. */
const fileTypes = {
  1: 'F16',
  2: 'Q4_0',
  3: 'Q4_1',
  7: 'Q8_0',
  13: 'Q3_K',
  15: 'Q4_K',
  17: 'Q5_K',
  32: 'BF16',
}

// ---- metadata -----------------------------------------------------------------------------------

const TEMPLATE =
  "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] " +
  "+ '<|im_end|>\\n' }}{% endfor %}"

/** GPT-2's symbols of the 256 bytes. */
function byteSymbols() {
  const plain = (b) => (b > 32 && b < 127) || (b > 160 && b !== 173)
  let next = 256
  return Array.from({ length: 256 }, (_, b) => String.fromCodePoint(plain(b) ? b : next++))
}

const BYTES_AT = 1000 // ids of the bytes; nothing real in a list's special ids comes near
const MERGES = 200 // of the made-up ones, their results behind the bytes

/**
 * A vocabulary of the list's length in which only bytes, merges and special tokens mean something.
 */
function vocabulary(keys) {
  const n = keys.get('tokenizer.ggml.tokens').count
  const spm = keys.get('tokenizer.ggml.model').value === 'llama'
  const symbols = byteSymbols()
  const tokens = Array.from({ length: n }, (_, i) => `tok${i}`)
  const kinds = new Array(n).fill(1)
  const merges = []
  for (let b = 0; b < 256; b++) {
    tokens[BYTES_AT + b] = spm ? `<0x${b.toString(16).toUpperCase().padStart(2, '0')}>` : symbols[b]
    if (spm) kinds[BYTES_AT + b] = 6
  }
  if (spm) tokens[BYTES_AT - 1] = '\u2581'
  for (let i = 0; i < MERGES; i++) {
    const [a, b] = [symbols[97 + (i % 26)], symbols[97 + Math.floor(i / 26)]]
    tokens[BYTES_AT + 256 + i] = a + b
    merges.push(`${a} ${b}`)
  }
  for (const [key, { value }] of keys) {
    const id = Number(value)
    if (!/^tokenizer\.ggml\.\w+_token_id$/.test(key) || id >= n) continue
    tokens[id] = `<|special${id}|>`
    kinds[id] = key.includes('unknown') && spm ? 2 : 3
  }
  const scores = tokens.map((_, i) => -i)
  return new Map([
    ['tokenizer.ggml.tokens', tokens],
    ['tokenizer.ggml.token_type', kinds],
    ['tokenizer.ggml.scores', scores],
    ['tokenizer.ggml.merges', merges],
  ])
}

function parseValue(type, text) {
  if (type === 'str') return text
  if (type === 'bool') return text === 'true'
  return text === '-inf' ? Number.NEGATIVE_INFINITY : Number(text)
}

/**
 * A list: `keys` is a Map of key to { type, value } or, for arrays, { type, of, count, value },
 * where one value stands for a whole array; `tensors` counts the real file's tensors of each type.
 */
export function readList(name) {
  const keys = new Map()
  const tensors = {}
  for (const line of readFileSync(join(folder, `${name}.keys`), 'utf8')
    .trimEnd()
    .split('\n')) {
    if (line.startsWith('# tensors ')) {
      const words = line.split(' ').slice(2)
      for (let i = 0; i < words.length; i += 2) tensors[words[i]] = Number(words[i + 1])
      continue
    }
    const [key, type, text] = line.split('\t')
    const array = /^arr\[(\w+),(\d+)\]$/.exec(type)
    if (!array) keys.set(key, { type, value: parseValue(type, text) })
    else {
      const [, of, count] = array
      const value = text ? text.split(' ').map((word) => parseValue(of, word)) : []
      keys.set(key, { type: 'arr', of, count: Number(count), value })
    }
  }
  if (keys.has('tokenizer.chat_template')) keys.get('tokenizer.chat_template').value = TEMPLATE
  return { keys, tensors }
}

// ---- tensors ------------------------------------------------------------------------------------

/** Whether llama.cpp's mixtures give this layer's attn_v and ffn_down more bits. */
const moreBits = (layer, n) => {
  const eighth = Math.floor(n / 8)
  return layer < eighth || layer >= Math.floor((7 * n) / 8) || (layer - eighth) % 3 === 2
}

/** The type of a matrix in a mixture. */
function matrixType(base, name, layer, n, tied) {
  const head = name === 'output' || (tied && name === 'token_embd')
  if (base === 'Q4_1') return head ? 'Q8_0' : base
  if (base === 'Q4_0') return head ? 'Q6_K' : base
  if (!base.endsWith('_K')) return base
  if (head) return 'Q6_K'
  if (base === 'Q3_K') return /attn_v|attn_output|ffn_down/.test(name) ? 'Q5_K' : base
  if (name === 'attn_qkv') return 'Q5_K'
  return /attn_v|ffn_down/.test(name) && moreBits(layer, n) ? 'Q6_K' : base
}

/** The same where each expert is a tensor. */
const singleExpertsType = (base, name) =>
  name === 'output' ? 'Q6_K' : /attn_[kv]/.test(name) ? 'Q8_0' : base

/**
 * The tensor table of the list's family and sizes: { name, type, shape }. What no key says
 * stands in `facts`: tied (no output matrix), ropeFreqs, longRope, embedding (its type where it
 * is not the mixture's), singleExperts (a tensor for each, in the mixture of that time).
 */
export function tensorTable({ keys }, facts = {}) {
  const arch = keys.get('general.architecture').value
  const key = (name, otherwise) => keys.get(`${arch}.${name}`)?.value ?? otherwise
  const [layers, width, ffn, heads] = [
    key('block_count'),
    key('embedding_length'),
    key('feed_forward_length'),
    key('attention.head_count'),
  ]
  const head = key('attention.key_length', width / heads)
  const kvHeads = (layer) => {
    const value = key('attention.head_count_kv', heads)
    return Array.isArray(value) ? value[layer] : value
  }
  const rotated = key('rope.dimension_count', head)
  const vocab = keys.get('tokenizer.ggml.tokens').count
  const base = facts.base ?? fileTypes[keys.get('general.file_type').value]
  if (/bert$/.test(arch)) return encoderTable(arch, key, base, vocab)
  const table = []
  const vector = (name, n) => table.push({ name, type: 'F32', shape: [n] })
  const matrix = (name, layer, columns, rows, ...stacked) => {
    const type = facts.singleExperts
      ? singleExpertsType(base, name)
      : matrixType(base, name, layer, layers, facts.tied)
    const prefix = layer === undefined ? '' : `blk.${layer}.`
    table.push({ name: `${prefix}${name}.weight`, type, shape: [columns, rows, ...stacked] })
  }
  const experts = (l, n) => {
    const expertFfn = key('expert_feed_forward_length', ffn)
    table.push({
      name: `blk.${l}.ffn_gate_inp.weight`,
      type: facts.singleExperts ? 'F16' : 'F32',
      shape: [width, n],
    })
    for (const name of facts.singleExperts
      ? Array.from({ length: n }, (_, e) => `.${e}`)
      : ['_exps']) {
      const stacked = facts.singleExperts ? [] : [n]
      matrix(`ffn_gate${name}`, l, width, expertFfn, ...stacked)
      matrix(`ffn_up${name}`, l, width, expertFfn, ...stacked)
      matrix(`ffn_down${name}`, l, expertFfn, width, ...stacked)
    }
  }
  matrix('token_embd', undefined, width, vocab)
  if (facts.embedding) table[0].type = facts.embedding
  if (facts.ropeFreqs) vector('rope_freqs.weight', rotated / 2)
  for (const name of facts.longRope ? ['long', 'short'] : []) {
    vector(`rope_factors_${name}.weight`, rotated / 2)
  }
  for (let l = 0; l < layers; l++) {
    const [q, kv] = [heads * head, kvHeads(l) * head]
    vector(`blk.${l}.attn_norm.weight`, width)
    if (kv === 0) {
      vector(`blk.${l}.shortconv.conv.weight`, width)
      table.at(-1).shape = [key('shortconv.l_cache'), width]
      matrix('shortconv.in_proj', l, width, 3 * width)
      matrix('shortconv.out_proj', l, width, width)
    } else if (arch === 'phi3') {
      matrix('attn_qkv', l, width, q + 2 * kv)
      matrix('attn_output', l, q, width)
    } else {
      for (const [name, rows] of [
        ['attn_q', q],
        ['attn_k', kv],
        ['attn_v', kv],
      ]) {
        matrix(name, l, width, rows)
        if (arch === 'qwen2') vector(`blk.${l}.${name}.bias`, rows)
      }
      matrix('attn_output', l, q, width)
    }
    if (kv && /^(qwen3|qwen3moe|gemma3|lfm2)$/.test(arch)) {
      vector(`blk.${l}.attn_q_norm.weight`, head)
      vector(`blk.${l}.attn_k_norm.weight`, head)
    }
    if (arch.startsWith('gemma')) vector(`blk.${l}.post_attention_norm.weight`, width)
    vector(`blk.${l}.ffn_norm.weight`, width)
    if (key('expert_count')) experts(l, key('expert_count'))
    else {
      if (arch !== 'phi3') matrix('ffn_gate', l, width, ffn)
      matrix('ffn_up', l, width, arch === 'phi3' ? 2 * ffn : ffn)
      matrix('ffn_down', l, ffn, width)
    }
    if (arch.startsWith('gemma')) vector(`blk.${l}.post_ffw_norm.weight`, width)
  }
  vector(arch === 'lfm2' ? 'token_embd_norm.weight' : 'output_norm.weight', width)
  if (!facts.tied) matrix('output', undefined, width, vocab)
  return table
}

// ---- writing ------------------------------------------------------------------------------------

class Bytes {
  #parts = []

  put(size, method, value) {
    const bytes = Buffer.alloc(size)
    new DataView(bytes.buffer, bytes.byteOffset, size)[`set${method}`](0, value, true)
    this.#parts.push(bytes)
  }

  u32 = (value) => this.put(4, 'Uint32', value)
  u64 = (value) => this.put(8, 'BigUint64', BigInt(value))

  string(text) {
    const bytes = Buffer.from(text)
    this.u64(bytes.length)
    this.#parts.push(bytes)
  }

  scalar(type, value) {
    if (type === 'str') return this.string(value)
    const how = { u8: 'Uint8', i8: 'Int8', bool: 'Uint8', u16: 'Uint16', i16: 'Int16' }
    if (type === 'u64') return this.u64(value)
    const bits = Number(/\d+/.exec(type === 'bool' ? 'u8' : type)[0])
    const name = how[type] ?? { u: 'Uint32', i: 'Int32', f: 'Float32' }[type[0]]
    return this.put(bits / 8, name, Number(value))
  }

  all = () => Buffer.concat(this.#parts)
}

const padded = (n) => Math.ceil(n / 32) * 32

/** Writes the file that is all header. */
export function writeHeader(path, list, table) {
  const made = vocabulary(list.keys)
  const bytes = new Bytes()
  bytes.u32(0x46554747)
  bytes.u32(3)
  bytes.u64(table.length)
  bytes.u64(list.keys.size)
  for (const [key, entry] of list.keys) {
    bytes.string(key)
    if (entry.type !== 'arr') {
      bytes.u32(types[entry.type])
      bytes.scalar(entry.type, entry.value)
      continue
    }
    const { of, count, value } = entry
    const text = (i) => (of === 'str' ? `text${i}` : 0)
    const items =
      made.get(key) ??
      Array.from({ length: count }, (_, i) => (value.length === 1 ? value[0] : value[i]) ?? text(i))
    bytes.u32(ARRAY)
    bytes.u32(types[of])
    bytes.u64(items.length)
    for (const item of items) bytes.scalar(of, item)
  }
  let offset = 0
  for (const { name, type, shape } of table) {
    const [number, weights, size] = tensorTypes[type]
    bytes.string(name)
    bytes.u32(shape.length)
    for (const n of shape) bytes.u64(n)
    bytes.u32(number)
    bytes.u64(offset)
    offset += padded((shape.reduce((product, n) => product * n, 1) / weights) * size)
  }
  const header = bytes.all()
  const fd = openSync(path, 'w')
  writeSync(fd, header)
  ftruncateSync(fd, padded(header.length) + offset)
  closeSync(fd)
}
