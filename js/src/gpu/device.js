// Finds a GPU and asks for all of it that computing can use. That there is none, or none that
// should be used, is an answer and no error.

/** @import { GpuInfo } from '../types.js' */

/**
 * Numbers of sotto_gpu_device, by its fields; features by their names in sotto_gpu_feature.
 * @typedef {{ numbers: Record<string, number>, features: string[] }} DeviceFacts
 */
/**
 * Whoever uses the device keeps `gpu` too: Dawn's Node.js package ends with it, and takes the
 * process along if there is a device then.
 * @typedef {{ gpu: GPU, device: GPUDevice, facts: DeviceFacts, info: GpuInfo }} FoundGpu
 */

const LIMITS = /** @type {const} */ ([
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxComputeWorkgroupSizeZ',
  'maxComputeWorkgroupsPerDimension',
])
const FEATURES = /** @type {const} */ (['shader-f16', 'subgroups', 'timestamp-query'])

// Chromium and Dawn say it, the others do not.
const SOFTWARE = /swiftshader|llvmpipe|lavapipe|softpipe|microsoft basic render/i

/**
 * @param {() => Promise<GPU>} open the host's WebGPU; throws an Error that says why there is none
 * @param {{ allowSoftware?: boolean }} options
 * @returns {Promise<FoundGpu | { refusal: string }>}
 */
export async function findGpu(open, { allowSoftware = false }) {
  try {
    const gpu = await open()
    const adapter = await adapterOf(gpu, allowSoftware)
    if (!adapter) return { refusal: 'no adapter for a GPU was found' }
    const { vendor, architecture, device: model, description } = adapter.info
    const named = { vendor, architecture, device: model, description }
    const software = isSoftware(adapter, Object.values(named).join(' '))
    if (software && !allowSoftware) {
      const name = description || architecture || vendor
      return { refusal: `the only adapter is a processor that plays a GPU (${name})` }
    }
    const device = await adapter.requestDevice({
      requiredLimits: Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]])),
      requiredFeatures: FEATURES.filter((name) => adapter.features.has(name)),
    })
    const facts = factsOf(gpu, adapter, device)
    const limits = Object.fromEntries(LIMITS.map((name) => [name, device.limits[name]]))
    const info = { ...named, software, features: Array.from(device.features), limits }
    return { gpu, device, facts, info }
  } catch (error) {
    return { refusal: error instanceof Error ? error.message : String(error) }
  }
}

/** @param {GPU} gpu @param {boolean} allowSoftware */
async function adapterOf(gpu, allowSoftware) {
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' })
  return !adapter && allowSoftware ? gpu.requestAdapter({ forceFallbackAdapter: true }) : adapter
}

/**
 * @param {GPUAdapter} adapter
 * @param {string} name
 */
const isSoftware = (adapter, name) =>
  adapter.info.isFallbackAdapter ||
  Boolean(Reflect.get(adapter, 'isFallbackAdapter')) || // where it was at first
  SOFTWARE.test(name)

/**
 * @param {GPU} gpu
 * @param {GPUAdapter} adapter
 * @param {GPUDevice} device
 * @returns {DeviceFacts}
 */
function factsOf(gpu, adapter, { limits, features }) {
  const { subgroupMinSize = 0, subgroupMaxSize = 0 } = adapter.info
  const has = {
    F16: features.has('shader-f16'),
    SUBGROUPS: features.has('subgroups') && subgroupMaxSize > 0,
    PACKED_DOT: gpu.wgslLanguageFeatures?.has('packed_4x8_integer_dot_product') ?? false,
  }
  const { minStorageBufferOffsetAlignment, minUniformBufferOffsetAlignment } = limits
  return {
    numbers: {
      max_buffer: limits.maxBufferSize,
      max_binding: limits.maxStorageBufferBindingSize,
      max_storage_buffers: limits.maxStorageBuffersPerShaderStage,
      max_workgroup_memory: limits.maxComputeWorkgroupStorageSize,
      max_invocations: limits.maxComputeInvocationsPerWorkgroup,
      max_workgroups: limits.maxComputeWorkgroupsPerDimension,
      alignment: Math.max(minStorageBufferOffsetAlignment, minUniformBufferOffsetAlignment),
      subgroup_min: subgroupMinSize,
      subgroup_max: subgroupMaxSize,
    },
    features: Object.entries(has).flatMap(([name, there]) => (there ? [name] : [])),
  }
}
