// Makes a GGUF file of a folder of sentence-transformers that holds a BERT model (all-MiniLM,
// bge-*-en, e5 and others of that kind), as llama.cpp's converter does.
//   node models/bert.mjs FOLDER OUT.gguf [F16|Q8_0]
import { closeSync, openSync, readFileSync, readSync } from 'node:fs'
import { basename, join } from 'node:path'
import { isMain, main } from '../tools/lib/main.mjs'
import { say } from '../tools/lib/report.mjs'
import { tensorTypes, writeGguf } from './gguf.mjs'
import { dequantizeRow, quantizeRow } from './quants.mjs'
import { vocabularyMetadata } from './vocabulary.mjs'

/** Names of tensors that stand outside the layers, and of those of a layer. */
const names = {
  'embeddings.word_embeddings': 'token_embd',
  'embeddings.position_embeddings': 'position_embd',
  'embeddings.token_type_embeddings': 'token_types',
  'embeddings.LayerNorm': 'token_embd_norm',
}
const layerNames = {
  'attention.self.query': 'attn_q',
  'attention.self.key': 'attn_k',
  'attention.self.value': 'attn_v',
  'attention.output.dense': 'attn_output',
  'attention.output.LayerNorm': 'attn_output_norm',
  'intermediate.dense': 'ffn_up',
  'output.dense': 'ffn_down',
  'output.LayerNorm': 'layer_output_norm',
}
/** What an embedding needs nothing of. */
const unused = /^(embeddings\.position_ids|pooler\.dense\.(weight|bias))$/
/** Matrices that stay in float32, as at llama.cpp. */
const exact = new Set(['position_embd.weight', 'token_types.weight'])

function nameOf(key) {
  const [, stem, kind] = /^(.*)\.(\w+)$/.exec(key)
  const suffix = { gamma: 'weight', beta: 'bias' }[kind] ?? kind
  const layer = /^encoder\.layer\.(\d+)\.(.*)$/.exec(stem)
  const name = layer ? layerNames[layer[2]] : names[stem]
  if (!name) throw new Error(`${key} is no tensor of a BERT encoder`)
  return `${layer ? `blk.${layer[1]}.` : ''}${name}.${suffix}`
}

/** A safetensors file's header: names to { dtype, shape, data_offsets from the file's start }. */
function readSafetensors(path) {
  const fd = openSync(path)
  try {
    const head = Buffer.alloc(8)
    readSync(fd, head, 0, 8, 0)
    const json = Buffer.alloc(Number(head.readBigUInt64LE()))
    readSync(fd, json, 0, json.length, 8)
    const { __metadata__: _, ...tensors } = JSON.parse(json.toString())
    for (const tensor of Object.values(tensors)) {
      tensor.data_offsets = tensor.data_offsets.map((offset) => 8 + json.length + offset)
    }
    return tensors
  } finally {
    closeSync(fd)
  }
}

function* rowsOf(path, { dtype, shape, data_offsets: [start] }, type) {
  const columns = shape.at(-1)
  const row = Buffer.alloc(columns * tensorTypes[dtype].bytes)
  const count = shape.length === 2 ? shape[0] : 1
  const fd = openSync(path)
  try {
    for (let r = 0; r < count; r++) {
      readSync(fd, row, 0, row.length, start + r * row.length)
      if (type === dtype) yield Buffer.from(row)
      else if (type === 'F32') yield Buffer.from(dequantizeRow(dtype, row, columns).buffer)
      else yield quantizeRow(type, dequantizeRow(dtype, row, columns))
    }
  } finally {
    closeSync(fd)
  }
}

/** 1 mean, 2 cls, 3 last, as modules.json's pooling says. */
function poolingOf(folder) {
  const modules = JSON.parse(readFileSync(join(folder, 'modules.json'), 'utf8'))
  const module = modules.find(({ type }) => type.endsWith('Pooling'))
  if (!module) throw new Error(`${folder}/modules.json has no pooling`)
  const pooling = JSON.parse(readFileSync(join(folder, module.path, 'config.json'), 'utf8'))
  const kinds = ['mean_tokens', 'cls_token', 'lasttoken']
  const kind = 1 + kinds.findIndex((name) => pooling[`pooling_mode_${name}`])
  if (kind === 0) throw new Error(`pooling ${JSON.stringify(pooling)}: only ${kinds} are known`)
  return kind
}

export function convertBert(folder, target, type, title = basename(folder)) {
  const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'))
  if (config.model_type !== 'bert' || config.hidden_act !== 'gelu') {
    throw new Error(`${folder} holds a ${config.model_type} with ${config.hidden_act}, not BERT`)
  }
  const vocabulary = JSON.parse(readFileSync(join(folder, 'tokenizer.json'), 'utf8'))
  const u32 = (value) => ({ type: 4, value })
  const metadata = new Map([
    ['general.architecture', { type: 8, value: 'bert' }],
    ['general.type', { type: 8, value: 'model' }],
    ['general.name', { type: 8, value: title }],
    ['bert.block_count', u32(config.num_hidden_layers)],
    ['bert.context_length', u32(config.max_position_embeddings)],
    ['bert.embedding_length', u32(config.hidden_size)],
    ['bert.feed_forward_length', u32(config.intermediate_size)],
    ['bert.attention.head_count', u32(config.num_attention_heads)],
    ['bert.attention.layer_norm_epsilon', { type: 6, value: config.layer_norm_eps }],
    ['general.file_type', u32(tensorTypes[type].fileType)],
    ['bert.attention.causal', { type: 7, value: 0 }],
    ['bert.pooling_type', u32(poolingOf(folder))],
    ['tokenizer.ggml.token_type_count', u32(config.type_vocab_size)],
    ...[...vocabularyMetadata(vocabulary)].filter(([key]) => key.startsWith('tokenizer.')),
    ['general.quantization_version', u32(2)],
  ])
  const weights = join(folder, 'model.safetensors')
  const tensors = Object.entries(readSafetensors(weights)).flatMap(([key, tensor]) => {
    const plain = key.replace(/^bert\./, '')
    if (unused.test(plain)) return []
    const name = nameOf(plain)
    if (!['F32', 'F16'].includes(tensor.dtype)) throw new Error(`${key} is ${tensor.dtype}`)
    const own = tensor.shape.length === 2 && !exact.has(name) ? type : 'F32'
    const shape = [...tensor.shape].reverse()
    return [{ name, shape, type: own, rows: () => rowsOf(weights, tensor, own) }]
  })
  writeGguf(target, metadata, tensors)
}

if (isMain(import.meta.url)) {
  await main(async () => {
    const [folder, target, type = 'F16'] = process.argv.slice(2)
    if (!target || !['F16', 'Q8_0'].includes(type)) {
      throw new Error('usage: node models/bert.mjs FOLDER OUT.gguf [F16|Q8_0]')
    }
    convertBert(folder, target, type)
    say(`${target} is written.`)
  })
}
