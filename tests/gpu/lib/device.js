// A device for the kernels' tests: with WebGPU's lowest limits, to which they have to keep.
import { gpu } from './dawn.js'

export async function openDevice() {
  const adapter = await gpu.requestAdapter()
  const requiredFeatures = adapter.features.has('subgroups') ? ['subgroups'] : []
  return { gpu, device: await adapter.requestDevice({ requiredFeatures }) }
}
