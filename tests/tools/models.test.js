// The tools of models/: the formats are ggml's, and what is written can be read.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { convertBert } from '../../models/bert.mjs'
import { readGguf, readRows } from '../../models/gguf.mjs'
import { makeRandom } from '../../models/make-random.mjs'
import { dequantizeRow, f16ToF32, f32ToF16, quantizeRow } from '../../models/quants.mjs'
import { requantize } from '../../models/requantize.mjs'
import { inRoot } from '../../tools/lib/paths.mjs'

const tiny = (name) => inRoot('models', 'tiny', `tiny-${name}.gguf`)
const folder = mkdtempSync(join(tmpdir(), 'sotto-models-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const tensorBytes = (path, tensor) => Buffer.concat([...readRows(path, tensor)])
const sha256 = (path) => createHash('sha256').update(readFileSync(path)).digest('hex')

test('every half converts to float32 and back', () => {
  for (let half = 0; half < 65536; half++) {
    const value = f16ToF32(half)
    if (Number.isNaN(value)) assert.ok((f32ToF16(value) & 0x7c00) === 0x7c00)
    else assert.equal(f32ToF16(value), half)
  }
})

test('halves round to even and overflow to infinity', () => {
  const cases = [
    [1 + 2 ** -11, 0x3c00],
    [1 + 3 * 2 ** -11, 0x3c02],
    [65519, 0x7bff],
    [65520, 0x7c00],
    [2 ** -25, 0],
    [3 * 2 ** -25, 2],
    [-(2 ** -24), 0x8001],
  ]
  for (const [value, half] of cases) assert.equal(f32ToF16(value), half, String(value))
})

for (const type of ['F16', 'Q4_0', 'Q8_0']) {
  test(`${type} has the bytes that ggml gives the same weights`, () => {
    const source = readGguf(tiny('f32'))
    const target = readGguf(tiny(type.toLowerCase()))
    // The F32 model's feed-forward part is narrower; the other weights are those of all.
    const shared = source.tensors.filter(
      ({ name, shape }) => shape.length === 2 && !/ffn/.test(name),
    )
    assert.ok(shared.length >= 9)
    for (const tensor of shared) {
      const there = target.tensors.find(({ name }) => name === tensor.name)
      const rows = [...readRows(source.path, tensor)]
      const ours = rows.map((row) => quantizeRow(type, dequantizeRow('F32', row, tensor.shape[0])))
      assert.deepEqual(Buffer.concat(ours), tensorBytes(target.path, there), tensor.name)
    }
  })
}

test('Q4_1 rows come back as they were', () => {
  const { path, tensors } = readGguf(tiny('q4_1'))
  const tensor = tensors.find(({ type }) => type === 'Q4_1')
  for (const row of readRows(path, tensor)) {
    const values = dequantizeRow('Q4_1', row, tensor.shape[0])
    const again = dequantizeRow('Q4_1', quantizeRow('Q4_1', values), tensor.shape[0])
    for (let i = 0; i < values.length; i++) assert.ok(Math.abs(again[i] - values[i]) < 1e-3)
  }
})

test('requantizing keeps metadata, vectors and shapes', () => {
  const target = join(folder, 'out.gguf')
  requantize(tiny('f16'), target, 'Q8_0')
  const before = readGguf(tiny('f16'))
  const now = readGguf(target)
  assert.equal(now.metadata.get('general.file_type').value, 7)
  for (const [key, entry] of before.metadata) {
    if (key !== 'general.file_type') assert.deepEqual(now.metadata.get(key), entry)
  }
  for (const [i, tensor] of before.tensors.entries()) {
    assert.deepEqual(now.tensors[i].shape, tensor.shape)
    assert.equal(now.tensors[i].type, tensor.shape.length === 2 ? 'Q8_0' : tensor.type)
    if (tensor.shape.length === 1) {
      assert.deepEqual(tensorBytes(target, now.tensors[i]), tensorBytes(before.path, tensor))
    }
  }
})

test('K types have the values that their drawings say', () => {
  const q4 = Buffer.alloc(144)
  q4.writeUInt16LE(0x3c00, 0) // 1
  q4.writeUInt16LE(0x3800, 2) // 0.5
  q4[4] = 1 | (3 << 6) // scale 0: 1, scale 4: 63 with
  q4[12] = 15
  q4[9] = 2 | (2 << 6) // minimum 1: 2, minimum 5: 33 with
  q4[13] = 1 << 4
  q4[16] = 0x5a
  q4[16 + 64 + 31] = 0x3c
  const weights = dequantizeRow('Q4_K', q4, 256)
  const at = [0, 1, 32, 63, 64, 159, 160, 191, 255]
  assert.deepEqual(
    at.map((i) => weights[i]),
    [10, 0, -1, -1, 0, 63 * 12, -16.5, -16.5, 0],
  )
  const q5 = Buffer.concat([q4.subarray(0, 16), Buffer.alloc(32), q4.subarray(16)])
  q5[16] = 1
  q5[16 + 31] = 1 << 4
  const fives = dequantizeRow('Q5_K', q5, 256)
  assert.deepEqual([fives[0], fives[32], fives[159], fives[191]], [26, -1, 63 * 28, -16.5])
  const q6 = Buffer.alloc(210)
  q6.writeUInt16LE(0x3c00, 208)
  q6[192] = 1
  q6.writeInt8(-128, 193)
  q6[207] = 127
  q6[0] = 15
  q6[128] = 3
  q6[127] = 0x90
  q6[191] = 2 << 6
  const sixes = dequantizeRow('Q6_K', q6, 256)
  assert.deepEqual([sixes[0], sixes[1], sixes[16], sixes[255]], [31, -32, 4096, 9 * 127])
})

/** Of blk.0.attn_k in llama.cpp's file: the hash of what `gguf.quants` dequantises. */
const dequantized = [
  ['q2_k', 'Q2_K', '0120e89f2e8e6213'],
  ['q3_k_s', 'Q3_K', '0465aaf6c3f4fea3'],
  ['iq4_nl', 'IQ4_NL', '9babe77b07535323'],
  ['iq4_xs', 'IQ4_XS', 'be7b7d06ea6fd525'],
  ['mxfp4', 'MXFP4', 'acac7ce253844300'],
]
for (const [file, type, expected] of dequantized) {
  test(`${type} has the values that the gguf package reads`, () => {
    const { path, tensors } = readGguf(inRoot('models', 'tiny', `kquant-${file}.gguf`))
    const tensor = tensors.find(({ name }) => name === 'blk.0.attn_k.weight')
    assert.equal(tensor.type, type)
    const hash = createHash('sha256')
    for (const row of readRows(path, tensor)) {
      hash.update(new Uint8Array(dequantizeRow(type, row, tensor.shape[0]).buffer))
    }
    assert.equal(hash.digest('hex').slice(0, expected.length), expected)
  })
}

test('random weights of every type have the deviation that is asked for', () => {
  const types = ['Q4_0', 'Q8_0', 'Q2_K', 'Q3_K', 'Q6_K', 'IQ4_NL', 'IQ4_XS', 'MXFP4', 'Q4_K_M']
  for (const type of types) {
    const path = join(folder, `${type}.gguf`)
    makeRandom(tiny('q8_0'), path, type, { layers: 8, vocab: 400, width: 256, ffn: 512, heads: 4 })
    const { metadata, tensors } = readGguf(path)
    const measured = tensors.filter(
      ({ name, shape }) => shape.length === 2 && !/blk\.[1-7]/.test(name),
    )
    for (const tensor of measured) {
      const values = [...readRows(path, tensor)].flatMap((row) => [
        ...dequantizeRow(tensor.type, row, tensor.shape[0]),
      ])
      const square = values.reduce((sum, value) => sum + value * value, 0) / values.length
      const gain = tensor.name === 'token_embd.weight' ? 2.5 : 1
      const ratio = (Math.sqrt(square) * Math.sqrt(tensor.shape[0])) / gain
      assert.ok(Math.abs(ratio - 1) < 0.1, `${type} ${tensor.name} ${ratio}`)
    }
    if (type !== 'Q4_K_M') continue
    const typeOf = (name) => tensors.find((tensor) => tensor.name === `${name}.weight`).type
    assert.equal(metadata.get('general.file_type').value, 15)
    assert.equal(typeOf('token_embd'), 'Q6_K')
    // Of 8 layers: the first, the last, and every third behind the first.
    const larger = [0, 1, 2, 3, 4, 5, 6, 7].filter((i) => typeOf(`blk.${i}.ffn_down`) === 'Q6_K')
    assert.deepEqual(larger, [0, 3, 6, 7])
    for (const name of ['attn_q', 'attn_k', 'attn_output', 'ffn_gate', 'ffn_up'])
      assert.equal(typeOf(`blk.0.${name}`), 'Q4_K')
    assert.deepEqual([typeOf('blk.0.attn_v'), typeOf('blk.1.attn_v')], ['Q6_K', 'Q4_K'])
  }
})

test('the same seed makes the same random model', () => {
  const [first, second] = ['a', 'b'].map((name) => join(folder, `${name}.gguf`))
  for (const path of [first, second])
    makeRandom(tiny('q8_0'), path, 'Q4_0', { layers: 1, vocab: 400 })
  assert.equal(sha256(first), sha256(second))
  const { metadata, tensors } = readGguf(first)
  const list = (key) => metadata.get(`tokenizer.ggml.${key}`).value
  assert.equal(list('tokens').length, 400)
  assert.equal(new Set(list('tokens')).size, 400)
  assert.equal(list('token_type').length, 400)
  assert.equal(tensors.length, 11)
})

/**
 * What llama.cpp's convert_hf_to_gguf.py (llama-cpp-python 0.3.36) makes of the same weights with
 * --outtype f16 and q8_0: sha256 over all tensors, sorted by name.
 */
const converted = {
  F16: '836f8975845529460ad737d9a919278fbbc4096180d7804063d9514325c33a50',
  Q8_0: '12c944ea26ad098f80821901e9b507857b155ffbed2f48131147ffb2d3e98328',
}

for (const [type, expected] of Object.entries(converted)) {
  test(`all-MiniLM-L6-v2 in ${type} has the tensors that llama.cpp's converter writes`, () => {
    const { path, tensors } = readGguf(inRoot('models', 'cache', `all-MiniLM-L6-v2.${type}.gguf`))
    const hash = createHash('sha256')
    for (const tensor of tensors.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      hash.update(`${tensor.name} ${tensor.type} ${tensor.shape}\n`)
      for (const row of readRows(path, tensor)) hash.update(row)
    }
    assert.equal(hash.digest('hex'), expected)
  })
}

test('what is not BERT is not made into one', () => {
  const config = (values) => writeFileSync(join(folder, 'config.json'), JSON.stringify(values))
  config({ model_type: 'roberta', hidden_act: 'gelu' })
  assert.throws(() => convertBert(folder, join(folder, 'x.gguf'), 'F16'), /a roberta with gelu/)
  config({ model_type: 'bert', hidden_act: 'gelu_new' })
  assert.throws(() => convertBert(folder, join(folder, 'x.gguf'), 'F16'), /gelu_new/)
})
