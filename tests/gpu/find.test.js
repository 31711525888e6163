// What counts as a GPU that may be used, what is asked of it, and what the core is told.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findGpu } from '../../js/src/gpu/device.js'
import { openTestGpu } from './device.js'

const find = (gpu, options = { allowSoftware: true }) => findGpu(async () => gpu, options)
const real = { vendor: 'acme', architecture: 'rocket', device: '', description: '' }
const hardware = { ...real, isFallbackAdapter: false }

test('facts are of the device: its limits, its features, what its WGSL has', async () => {
  const gpu = openTestGpu({ info: { ...hardware, subgroupMinSize: 8, subgroupMaxSize: 32 } })
  const { device, facts, info } = await find(gpu, {})
  const { limits } = device
  assert.deepEqual(facts, {
    numbers: {
      max_buffer: limits.maxBufferSize,
      max_binding: limits.maxStorageBufferBindingSize,
      max_storage_buffers: limits.maxStorageBuffersPerShaderStage,
      max_workgroup_memory: limits.maxComputeWorkgroupStorageSize,
      max_invocations: limits.maxComputeInvocationsPerWorkgroup,
      max_workgroups: limits.maxComputeWorkgroupsPerDimension,
      alignment: 256,
      subgroup_min: 8,
      subgroup_max: 32,
    },
    features: ['SUBGROUPS', 'PACKED_DOT'],
  })
  assert.ok(limits.maxBufferSize > 256 << 20, 'more than the default was asked for')
  assert.ok(device.features.has('timestamp-query'))
  assert.equal(info.software, false)
  assert.deepEqual([info.vendor, info.architecture], ['acme', 'rocket'])
  assert.equal(info.limits.maxBufferSize, limits.maxBufferSize)
  assert.ok(info.features.includes('subgroups'))
  structuredClone(info)
})

test('what an adapter does not have is not asked for', async () => {
  const without = ['subgroups', 'timestamp-query', 'packed_4x8_integer_dot_product']
  const limits = { maxBufferSize: 256 << 20, maxStorageBufferBindingSize: 128 << 20 }
  const { device, facts } = await find(openTestGpu({ without, limits }))
  assert.deepEqual(facts.features, [])
  assert.equal(device.features.has('subgroups'), false)
  assert.equal(facts.numbers.max_binding, 128 << 20)
})

test('subgroups of no known size are not used', async () => {
  const info = { ...hardware, subgroupMinSize: undefined, subgroupMaxSize: undefined }
  const { facts } = await find(openTestGpu({ info }))
  assert.deepEqual(facts.features, ['PACKED_DOT'])
  assert.deepEqual([facts.numbers.subgroup_min, facts.numbers.subgroup_max], [0, 0])
})

test('a processor that plays a GPU is known by what it says, or by its name', async () => {
  const names = [
    { ...real, isFallbackAdapter: true },
    { ...hardware, description: 'llvmpipe (LLVM 15.0.6, 256 bits)' },
    { ...hardware, vendor: 'google', architecture: 'swiftshader' },
    { ...hardware, device: 'Microsoft Basic Render Driver' },
  ]
  for (const info of names) {
    const { refusal } = await find(openTestGpu({ info }), {})
    assert.match(refusal, /a processor that plays a GPU/, JSON.stringify(info))
    assert.equal((await find(openTestGpu({ info }))).info.software, true)
  }
})

test('whatever fails on the way is a reason', async () => {
  const failing = (text) => async () => {
    throw new Error(text)
  }
  assert.deepEqual(await findGpu(failing('no WebGPU here'), {}), { refusal: 'no WebGPU here' })
  const none = { requestAdapter: async () => null }
  assert.match((await find(none)).refusal, /no adapter/)
  assert.deepEqual(await find({ requestAdapter: failing('driver') }), { refusal: 'driver' })
  const gpu = openTestGpu({ info: hardware })
  const requestAdapter = async () => {
    const adapter = await gpu.requestAdapter()
    await adapter.requestDevice()
    return adapter
  }
  assert.match((await find({ ...gpu, requestAdapter })).refusal, /consumed|adapter/i)
})

test('where there is only a software adapter, it is asked for by name if it will do', async () => {
  const gpu = openTestGpu()
  const asked = []
  const requestAdapter = async (options) => {
    asked.push(options)
    return options.forceFallbackAdapter ? gpu.requestAdapter() : null
  }
  const shy = { requestAdapter, wgslLanguageFeatures: gpu.wgslLanguageFeatures }
  assert.match((await find(shy, {})).refusal, /no adapter/)
  assert.equal((await find(shy)).info.software, true)
  const fast = { powerPreference: 'high-performance' }
  assert.deepEqual(asked, [fast, fast, { forceFallbackAdapter: true }])
})
