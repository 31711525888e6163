// A WebGPU device in Node.js: Dawn, over Chromium's software adapter where there is no GPU.
import { create, globals } from 'webgpu'

process.env.VK_ICD_FILENAMES ??= '/usr/lib/chromium/vk_swiftshader_icd.json'
Object.assign(globalThis, globals)

// SwiftShader unrolls the zeroing of workgroup memory that Vulkan's extension asks for: seconds.
const flags = ['disable-dawn-features=use_vulkan_zero_initialize_workgroup_memory_extension']

export async function openDevice() {
  const gpu = create(flags)
  const adapter = await gpu.requestAdapter()
  const requiredFeatures = adapter.features.has('subgroups') ? ['subgroups'] : []
  return { gpu, device: await adapter.requestDevice({ requiredFeatures }) }
}
