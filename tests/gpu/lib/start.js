// An executor with memory of its own, two kernels, and the streams that several tests begin with.
import { findGpu } from '../../../js/src/gpu/device.js'
import { Executor } from '../../../js/src/gpu/executor.js'
import { gpu } from './dawn.js'
import { layout } from './layout.js'
import { Stream, TestMemory } from './stream.js'

const kernels = {
  hash: '',
  parts: {
    // out[i] = x[i] * p.factor + OFFSET
    scale: `struct Params { n: u32, factor: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < p.n) { out[id.x] = f(x[id.x], p.factor); }
}`,
    f: 'fn f(a: f32, b: f32) -> f32 { return a * b + OFFSET; }',
    broken: 'fn f(a: f32, b: f32) -> f32 { return a * nothing; }',
    increment: `@group(0) @binding(0) var<storage, read_write> out: array<f32>;
@compute @workgroup_size(1)
fn main(@builtin(global_invocation_id) id: vec3u) { out[id.x] += 1.0; }`,
  },
}

const open = []

/** To be called after each test. */
export const destroyAll = () => {
  for (const executor of open.splice(0)) executor.destroy()
}

/** An executor with its memory; `run` writes a stream at address 0 and waits until it is done. */
export async function start({ shared = false } = {}) {
  const memory = new TestMemory(shared)
  const { device, refusal } = await findGpu(async () => gpu, { allowSoftware: true })
  if (refusal) throw new Error(refusal)
  const executor = new Executor(device, kernels, memory, layout)
  open.push(executor)
  const begin = (fill) => {
    const stream = new Stream(memory)
    fill(stream)
    return executor.execute(stream.commands)
  }
  return { memory, executor, device, run: begin }
}

export const AT = 4096 // of data, behind the records
export const BACK = 65536
export const scaling = ['scale f', 'urw', 'const WORKGROUP = 4u; const OFFSET: f32 = 0.5;']

/** Buffers 0 (parameters), 1 (x) and 2 (out) of n floats, pipeline 0, group 0. */
export const setUpScale = (n) => (s) =>
  s
    .buffer(0, 16, 1)
    .buffer(1, 4 * n)
    .buffer(2, 4 * n)
    .pipeline(0, ...scaling)
    .bindGroup(0, 0, [
      [0, 0, 16],
      [1, 0, 4 * n],
      [2, 0, 4 * n],
    ])

/** Puts parameters and x into memory and writes them; x = 1, 2, 3 … */
export function writeScale(memory, s, n, factor) {
  memory.view.setUint32(AT, n, true)
  memory.view.setFloat32(AT + 4, factor, true)
  const x = Array.from({ length: n }, (_, i) => i + 1)
  memory.putF32(AT + 16, x)
  return s.write(0, 0, AT, 8).write(1, 0, AT + 16, 4 * n)
}

export const increment = (s, n = 4) =>
  s
    .buffer(0, 4 * n)
    .pipeline(0, 'increment', 'w')
    .bindGroup(0, 0, [[0, 0, 4 * n]])
