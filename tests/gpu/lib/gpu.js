// A device for tests: Dawn in Node.js, with SwiftShader, which comes with Chromium, as its Vulkan
// driver, unless SOTTO_TEST_GPU asks for the machine's own.
import { existsSync } from 'node:fs'
import { findGpu } from '../../../js/src/gpu/device.js'

const swiftshader = '/usr/lib/chromium/vk_swiftshader_icd.json'
if (!process.env.SOTTO_TEST_GPU && existsSync(swiftshader)) {
  process.env.VK_ICD_FILENAMES = swiftshader // read when Dawn opens Vulkan
}

const kept = []

export async function openDevice() {
  const { create } = await import('webgpu')
  const found = await findGpu(async () => create([]), { allowSoftware: true })
  if (found.refusal) throw new Error(`no GPU for tests: ${found.refusal}`)
  kept.push(found)
  return found
}
