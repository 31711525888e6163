// The GPU for tests computes, offers no more than it is told to, and is spoilt by its hooks.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { inRoot } from '../../tools/lib/paths.mjs'
import { run } from '../../tools/lib/proc.mjs'
import { openTestGpu } from './device.js'

const double = `
@group(0) @binding(0) var<storage, read_write> a: array<u32>;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
  a[id.x] = a[id.x] * 2u;
}`

async function openDevice(gpu, descriptor) {
  const adapter = await gpu.requestAdapter()
  return adapter.requestDevice(descriptor)
}

/** 64 numbers on the device, what doubles them, and what reads them back. */
function doubler(device) {
  const { STORAGE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage
  const numbers = device.createBuffer({ size: 256, usage: STORAGE | COPY_SRC | COPY_DST })
  const staging = device.createBuffer({ size: 256, usage: MAP_READ | COPY_DST })
  const module = device.createShaderModule({ code: double })
  const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module } })
  const entries = [{ binding: 0, resource: { buffer: numbers } }]
  const group = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries })
  device.queue.writeBuffer(numbers, 0, new Uint32Array(64).fill(21))
  function submit() {
    const encoder = device.createCommandEncoder()
    const pass = encoder.beginComputePass()
    pass.setPipeline(pipeline)
    pass.setBindGroup(0, group)
    pass.dispatchWorkgroups(1)
    pass.end()
    encoder.copyBufferToBuffer(numbers, 0, staging, 0, 256)
    device.queue.submit([encoder.finish()])
  }
  async function read() {
    await staging.mapAsync(GPUMapMode.READ)
    const found = [...new Uint32Array(staging.getMappedRange())]
    staging.unmap()
    return found
  }
  return { submit, read, staging }
}

const all = (value) => Array(64).fill(value)
const named = (name) => (error) => error.name === name

test('without hooks it is a GPU', async () => {
  const gpu = openTestGpu()
  const adapter = await gpu.requestAdapter()
  assert.equal(adapter.info.isFallbackAdapter, true)
  assert.equal(adapter.features.has('subgroups'), true)
  assert.equal(gpu.wgslLanguageFeatures.has('packed_4x8_integer_dot_product'), true)
  const device = await adapter.requestDevice({ requiredFeatures: ['subgroups'] })
  const { submit, read } = doubler(device)
  submit()
  assert.deepEqual(await read(), all(42))
  assert.deepEqual(gpu.counts, { submits: 1, maps: 1, buffers: 2, shaders: 1 })
  device.destroy()
  assert.equal((await device.lost).reason, 'destroyed')
})

test('features and limits that are masked are neither announced nor granted', async () => {
  const gpu = openTestGpu({
    without: ['subgroups', 'packed_4x8_integer_dot_product'],
    limits: { maxStorageBufferBindingSize: 1 << 28, minStorageBufferOffsetAlignment: 64 },
    info: { isFallbackAdapter: false },
  })
  assert.equal(gpu.wgslLanguageFeatures.has('packed_4x8_integer_dot_product'), false)
  const adapter = await gpu.requestAdapter()
  assert.equal(adapter.info.isFallbackAdapter, false)
  assert.equal(adapter.info.architecture, 'swiftshader')
  assert.equal(adapter.features.has('subgroups'), false)
  assert.equal(adapter.features.has('timestamp-query'), true)
  assert.equal(adapter.limits.maxStorageBufferBindingSize, 1 << 28)
  assert.equal(adapter.limits.maxComputeWorkgroupSizeX, 256)
  const ask = (descriptor) => adapter.requestDevice(descriptor)
  await assert.rejects(ask({ requiredFeatures: ['subgroups'] }), TypeError)
  const size = (bytes) => ({ requiredLimits: { maxStorageBufferBindingSize: bytes } })
  await assert.rejects(ask(size(2 ** 28 + 4)), named('OperationError'))
  const alignment = { requiredLimits: { minStorageBufferOffsetAlignment: 32 } }
  await assert.rejects(ask(alignment), named('OperationError'))
  const device = await ask(size(2 ** 28))
  assert.equal(device.limits.maxStorageBufferBindingSize, 2 ** 28)
  assert.equal(device.features.has('subgroups'), false)
  device.destroy()
})

test('a device is lost as when the GPU process dies, and the next one works', async () => {
  const gpu = openTestGpu({ onSubmit: ({ n, device }) => n === 2 && gpu.lose(device, 'gone') })
  const device = await openDevice(gpu)
  const { submit, read, staging } = doubler(device)
  submit()
  const pending = staging.mapAsync(GPUMapMode.READ)
  const done = device.queue.onSubmittedWorkDone()
  const module = device.createShaderModule({ code: double })
  const pipeline = device.createComputePipelineAsync({ layout: 'auto', compute: { module } })
  submit()
  await Promise.all([
    assert.rejects(pending, named('AbortError')),
    assert.rejects(done, named('OperationError')),
    assert.rejects(pipeline, { name: 'GPUPipelineError', reason: 'internal' }),
  ])
  const { reason, message } = await device.lost
  assert.deepEqual({ reason, message }, { reason: 'unknown', message: 'gone' })

  submit()
  await assert.rejects(read(), named('AbortError'))
  device.pushErrorScope('validation')
  await assert.rejects(device.popErrorScope(), named('OperationError'))
  const mapped = { size: 4, usage: GPUBufferUsage.COPY_SRC, mappedAtCreation: true }
  assert.throws(() => device.createBuffer(mapped), RangeError)

  const next = await openDevice(gpu)
  const again = doubler(next)
  again.submit()
  assert.deepEqual(await again.read(), all(42))
  assert.equal(gpu.counts.submits, 4)
  next.destroy()
})

test('maps are delayed, and a buffer that is unmapped meanwhile ends the map', async () => {
  const gpu = openTestGpu({ onMap: () => sleep(100) })
  const device = await openDevice(gpu)
  const { submit, read, staging } = doubler(device)
  submit()
  const begin = performance.now()
  assert.deepEqual(await read(), all(42))
  assert.ok(performance.now() - begin > 95)
  const pending = staging.mapAsync(GPUMapMode.READ)
  await sleep(20)
  staging.unmap()
  await assert.rejects(pending, named('AbortError'))
  device.destroy()
})

test('an allocation fails as it does where memory is short', async () => {
  const gpu = openTestGpu({ onCreateBuffer: ({ n }) => (n === 1 ? undefined : 'out-of-memory') })
  const device = await openDevice(gpu)
  const descriptor = { size: 64, usage: GPUBufferUsage.COPY_DST }
  device.pushErrorScope('out-of-memory')
  device.createBuffer(descriptor)
  assert.equal(await device.popErrorScope(), null)

  device.pushErrorScope('out-of-memory')
  device.pushErrorScope('validation')
  const buffer = device.createBuffer(descriptor)
  assert.equal(await device.popErrorScope(), null)
  const error = await device.popErrorScope()
  assert.ok(error instanceof GPUOutOfMemoryError)
  assert.match(error.message, /64 bytes/)
  device.pushErrorScope('validation')
  device.queue.writeBuffer(buffer, 0, new Uint8Array(4))
  assert.match((await device.popErrorScope()).message, /invalid/i)

  const uncaptured = new Promise((resolve) => {
    device.onuncapturederror = resolve
  })
  device.createBuffer(descriptor)
  assert.ok((await uncaptured).error instanceof GPUOutOfMemoryError)
  device.destroy()
})

test('a kernel is replaced by another', async () => {
  const gpu = openTestGpu({ onShader: ({ code }) => code.replace('2u', '3u') })
  const device = await openDevice(gpu)
  const { submit, read } = doubler(device)
  submit()
  assert.deepEqual(await read(), all(63))
  device.destroy()
})

test('a process ends by itself, with a device and a map left open', async () => {
  const program = `
    const { openTestGpu } = await import(${JSON.stringify(inRoot('tests/gpu/device.js'))})
    globalThis.gpu = openTestGpu()
    const adapter = await gpu.requestAdapter()
    globalThis.device = await adapter.requestDevice()
    device.lost.then(() => console.log('lost'))
    const buffer = device.createBuffer({ size: 4, usage: GPUBufferUsage.MAP_READ })
    await buffer.mapAsync(GPUMapMode.READ)
    console.log('mapped')`
  const output = await run(process.execPath, ['--input-type=module', '--eval', program])
  assert.match(output, /^mapped\n/)
})
