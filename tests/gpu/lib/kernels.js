// Runs single kernels of src/backend/gpu as the core would: joined of the parts that kernels.def
// names, with the constants of kernels.h and logits.h in front.
import assert from 'node:assert/strict'
import { root } from '../../../tools/lib/paths.mjs'
import { read } from '../../../tools/lint/source.mjs'
import { rows } from '../../../tools/lint/tables.mjs'
import { openDevice } from './device.js'

const FOLDER = 'src/backend/gpu'
const table = new Map(
  rows(root, `${FOLDER}/kernels.def`, 'KERNEL').map(([name, parts, bindings, workgroup]) => [
    name,
    { parts: parts.split(' '), bindings, workgroup: Number(workgroup) },
  ]),
)
export const kernelNames = [...table.keys()]
export const workgroupOf = (name) => table.get(name).workgroup
export const partsOf = (name) => table.get(name).parts

/** Words of the batch's header, in their order. */
export const batchWords = rows(root, `${FOLDER}/batch.def`, 'X').map(([name]) => name)

export const kvTypes = rows(root, 'src/kernels/kv_types.def', 'K').map(([name]) => name)

/** Enumerators without a value of an enum of a header, without their prefix. */
function enumerators(path, name, prefix) {
  const [, body] = read(root, path).match(new RegExp(`typedef enum ${name} {([^}]*)}`))
  const names = body.replace(/\/\*.*?\*\//gs, '').matchAll(new RegExp(`${prefix}(\\w+)`, 'g'))
  return Array.from(names, ([, found]) => found)
}

const numbered = (names, prefix = '', first = 0) =>
  names.map((name, i) => [prefix + name, first + i])
const headers = ['kernels.h', 'kernels_matrix.h', 'kernels_attention.h', 'logits.h']
const sizes = headers.flatMap((header) =>
  Array.from(
    read(root, `${FOLDER}/${header}`).matchAll(
      /^#define GPU_(BLOCK|TEAM|MAT\w+|SPLITS|TOP_\w+|MAX_NAMED)\s+(\d+)/gm,
    ),
    ([, name, value]) => [name, Number(value)],
  ),
)

/** All that a kernel may ask for but its own WORKGROUP and types. */
export const constants = Object.fromEntries([
  ...numbered(batchWords, 'BATCH_'),
  ...numbered(enumerators(`${FOLDER}/kernels.h`, 'gpu_binary_kind', 'GPU_')),
  ...numbered(enumerators(`${FOLDER}/kernels.h`, 'gpu_unary_kind', 'GPU_')),
  ...numbered(enumerators(`${FOLDER}/kernels_matrix.h`, 'gpu_packs', 'GPU_'), '', 1),
  ...numbered(enumerators('src/program/op.h', 'sotto_embed_row', 'SOTTO_')),
  ...numbered(enumerators('src/program/op.h', 'sotto_pooling', 'SOTTO_')),
  ...numbered(kvTypes, 'KV_'),
  ...sizes,
])

/** Files that a word of kernels.def stands for. */
function filesOf(part, { format, reduce, dots }) {
  const floats = ['f32', 'f16', 'bf16'].includes(format)
  if (part === 'FORMAT') return [floats ? 'floats' : 'quants', `formats/${format}`]
  if (part === 'PRODUCTS' && floats) return ['dot_floats']
  if (part === 'PRODUCTS') return [`dot_${dots}`, 'dot_16', 'dot_quants']
  if (part === 'DOTS') return [`dot_${dots}`, 'dot_16']
  if (part === 'REDUCE' || part === 'TEAM') return [`${part.toLowerCase()}_${reduce}`]
  return [part]
}

/** Of subgroups, on SwiftShader. */
const SUBGROUP = 4

/**
 * The text of a pipeline; `reduce` is "shared" or "subgroup", `dots` "packed" or "plain".
 */
export function source(name, { format, reduce = 'shared', dots = 'packed', own = {} }) {
  const { parts, workgroup } = table.get(name)
  const values = { ...constants, WORKGROUP: workgroup, SUBGROUP, ...own }
  const lines = Object.entries(values).map(([key, value]) => `const ${key}: u32 = ${value}u;\n`)
  const reduces = parts.includes('REDUCE') || parts.includes('TEAM')
  if (reduce === 'subgroup' && reduces) lines.unshift('enable subgroups;\n')
  const files = parts.flatMap((part) => filesOf(part, { format, reduce, dots }))
  return lines.join('') + files.map((file) => read(root, `${FOLDER}/${file}.wgsl`)).join('')
}

/** What is written to buffers before a kernel runs: NaN. */
export const POISON = 0x7fc0dead
export const poisoned = (n) => new Float32Array(new Uint32Array(n).fill(POISON).buffer)

const u32s = (data) => new Uint32Array(data.buffer, data.byteOffset, data.length)

/** Parameters in the order of the struct: integers as u32, numbers of a Float32Array as f32. */
export function params(...values) {
  const words = values.flatMap((value) =>
    value instanceof Float32Array ? [...u32s(value)] : [Number(value)],
  )
  return Uint32Array.from(words)
}
export const f32 = (value) => Float32Array.of(value)

export async function openKernels() {
  const { gpu, device } = await openDevice()
  const pipelines = new Map()

  async function pipelineOf(name, options) {
    const code = source(name, options)
    if (!pipelines.has(code)) pipelines.set(code, await compile(name, code))
    return pipelines.get(code)
  }

  async function compile(name, code) {
    device.pushErrorScope('validation')
    const types = { u: 'uniform', r: 'read-only-storage', w: 'storage' }
    const entries = Array.from(table.get(name).bindings, (letter, binding) => ({
      binding,
      visibility: GPUShaderStage.COMPUTE,
      buffer: { type: types[letter] },
    }))
    const layout = device.createPipelineLayout({
      bindGroupLayouts: [device.createBindGroupLayout({ entries })],
    })
    const module = device.createShaderModule({ code })
    const pipeline = device.createComputePipeline({ layout, compute: { module } })
    const error = await device.popErrorScope()
    if (error) throw new Error(`${name}: ${error.message}`)
    return pipeline
  }

  const bufferOf = (data, usage) => {
    const buffer = device.createBuffer({ size: Math.max(16, data.byteLength), usage })
    device.queue.writeBuffer(buffer, 0, data)
    return buffer
  }

  /**
   * What the kernel leaves in the bindings that it writes. `data` is that of the bindings from 1
   * on, `groups` are the workgroups to dispatch.
   */
  async function run(name, options, parameters, data, groups) {
    const letters = table.get(name).bindings
    assert.equal(data.length, letters.length - 1, `${name}: its bindings`)
    const pipeline = await pipelineOf(name, options)
    device.pushErrorScope('validation')
    const storage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC
    const uniform = GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST
    const buffers = [bufferOf(parameters, uniform), ...data.map((one) => bufferOf(one, storage))]
    const group = device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
    })
    const encoder = device.createCommandEncoder()
    const pass = encoder.beginComputePass()
    pass.setPipeline(pipeline)
    pass.setBindGroup(0, group)
    pass.dispatchWorkgroups(...groups)
    pass.end()
    const written = data.map((one, i) => ({ one, buffer: buffers[i + 1] }))
    const copies = written
      .filter((_, i) => letters[i + 1] === 'w')
      .map(({ one, buffer }) => {
        const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST
        const copy = device.createBuffer({ size: buffer.size, usage })
        encoder.copyBufferToBuffer(buffer, 0, copy, 0, buffer.size)
        return { one, copy }
      })
    device.queue.submit([encoder.finish()])
    const error = await device.popErrorScope()
    if (error) throw new Error(`${name}: ${error.message}`)
    const results = []
    for (const { one, copy } of copies) {
      await copy.mapAsync(GPUMapMode.READ)
      results.push(new one.constructor(copy.getMappedRange().slice(0, one.byteLength)))
      copy.destroy()
    }
    for (const buffer of buffers) buffer.destroy()
    return results
  }

  return { gpu, device, run, pipelineOf, close: () => device.destroy() }
}

/**
 * Numbers as they should be: within `tolerance` (a number or one for each) of `expected`; where
 * that is NaN, and behind its end, what was there before, bit by bit.
 */
export function assertNumbers(actual, expected, tolerance, what) {
  const bits = u32s(actual)
  for (let i = 0; i < actual.length; i++) {
    if (i >= expected.length || Number.isNaN(expected[i])) {
      if (bits[i] !== POISON) assert.fail(`${what}: [${i}] was written: ${actual[i]}`)
      continue
    }
    const most = typeof tolerance === 'number' ? tolerance : tolerance[i]
    if (!(Math.abs(actual[i] - expected[i]) <= most))
      assert.fail(`${what}: [${i}] is ${actual[i]}, not ${expected[i]} ± ${most}`)
  }
}
