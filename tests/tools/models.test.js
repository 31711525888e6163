// The tools of models/: the formats are ggml's, and what is written can be read.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
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
