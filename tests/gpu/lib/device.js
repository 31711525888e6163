// A device for the kernels' tests: with WebGPU's lowest limits, to which they have to keep.
import { create, globals } from 'webgpu'
import './gpu.js' // says which driver

Object.assign(globalThis, globals)

// SwiftShader unrolls the zeroing of workgroup memory that Vulkan's extension asks for: seconds.
const flags = ['disable-dawn-features=use_vulkan_zero_initialize_workgroup_memory_extension']

export async function openDevice() {
  const gpu = create(flags)
  const adapter = await gpu.requestAdapter()
  const requiredFeatures = adapter.features.has('subgroups') ? ['subgroups'] : []
  return { gpu, device: await adapter.requestDevice({ requiredFeatures }) }
}
