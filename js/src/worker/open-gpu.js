// The GPU of an engine that was asked to run on one, and the kernels for it.
import { SottoError } from '../errors.js'
import { findGpu } from '../gpu/device.js'
import { Executor } from '../gpu/executor.js'

/** @import { DeviceFacts } from '../gpu/device.js' */
/** @import { Kernels } from '../gpu/pipelines.js' */
/** @import { Memory } from '../gpu/records.js' */
/** @import { LoadOptions } from '../protocol.js' */
/** @import { GpuInfo } from '../types.js' */
/** @import { Layout } from './layout.js' */

/**
 * What a host has for GPUs.
 * @typedef {object} GpuHost
 * @property {(module: string | undefined) => Promise<GPU>} open throws an Error that says why there
 *   is none
 * @property {(wasmUrl: string | undefined) => Promise<Kernels>} kernels
 */

/**
 * What an engine wants of an executor.
 * @typedef {Pick<Executor, 'execute' | 'room' | 'statistics'>} Executing
 */

/**
 * @typedef {object} OpenGpu
 * @property {DeviceFacts} facts
 * @property {GpuInfo} info
 * @property {string} hash of the kernels
 * @property {(memory: Memory, layout: Layout) => Executing} makeExecutor
 * @property {() => Promise<void>} end gives the GPU back; resolves when it owes no answer
 */

/**
 * @param {LoadOptions} options
 * @param {GpuHost} host
 * @returns {Promise<OpenGpu | undefined>} undefined: none is wanted
 */
export async function openGpu({ backend, gpu, wasmUrl }, host) {
  if (backend !== 'webgpu') return undefined
  const found = await findGpu(() => host.open(gpu.module), gpu)
  if ('refusal' in found) {
    const { refusal: reason } = found
    const text = `backend: no GPU can be used, because ${reason}. Use "cpu" or "auto".`
    throw new SottoError('gpu_unavailable', text, { details: { field: 'backend', reason } })
  }
  const { device, facts, info } = found
  const kernels = await host.kernels(wasmUrl)
  /** @type {Executor | undefined} */
  let executor
  const makeExecutor = (/** @type {Memory} */ memory, /** @type {Layout} */ layout) => {
    executor = new Executor(device, kernels, memory, layout)
    return executor
  }
  const end = async () => {
    device.destroy()
    await Promise.all([device.lost, executor?.destroy()])
  }
  return { facts, info, hash: kernels.hash, makeExecutor, end }
}
