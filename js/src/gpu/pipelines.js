// Compute pipelines of the kernels' WGSL: constants and parts joined, compiled while other things
// go on. Their layouts are explicit, one for each order of bindings, so that bind groups can be
// made before a pipeline is there.
import { SottoError } from '../errors.js'

/** @import { PipelineRecord } from './records.js' */

/**
 * The files of src/backend/gpu by their names without the ending, and a hash over all.
 * @typedef {{ hash: string, parts: Record<string, string> }} Kernels
 */

const COMPUTE = 4 // GPUShaderStage.COMPUTE, which is no global in Node.js

/** @type {Record<string, GPUBufferBindingType>} */
const bindingTypes = { u: 'uniform', r: 'read-only-storage', w: 'storage' }

export class Pipelines {
  #device
  #kernels
  /** @type {Map<string, GPUBindGroupLayout>} by the letters of the bindings */
  #layouts = new Map()

  /**
   * @param {GPUDevice} device
   * @param {Kernels} kernels
   */
  constructor(device, kernels) {
    this.#device = device
    this.#kernels = kernels
  }

  /** @param {string} bindings a letter each */
  layout(bindings) {
    const known = this.#layouts.get(bindings)
    if (known) return known
    const entries = Array.from(bindings, (letter, binding) => {
      const type = bindingTypes[letter]
      if (!type) throw new SottoError('internal_error', `Unknown GPU binding "${letter}"`)
      return { binding, visibility: COMPUTE, buffer: { type } }
    })
    const layout = this.#device.createBindGroupLayout({ label: bindings, entries })
    this.#layouts.set(bindings, layout)
    return layout
  }

  /**
   * @param {PipelineRecord} record
   * @returns {Promise<GPUComputePipeline>}
   */
  async compile({ parts, bindings, constants }) {
    const device = this.#device
    const label = parts.join(' ')
    const code = [constants, ...parts.map((name) => this.#part(name))].join('\n')
    device.pushErrorScope('validation')
    const layout = device.createPipelineLayout({ label, bindGroupLayouts: [this.layout(bindings)] })
    const module = device.createShaderModule({ label, code })
    const refused = device.popErrorScope().catch(() => null) // of a device that is lost
    try {
      const compute = { module, entryPoint: 'main' }
      return await device.createComputePipelineAsync({ label, layout, compute })
    } catch (cause) {
      const why = (await problems(module, code)) || (await refused)?.message || String(cause)
      const text = `The GPU's compiler refused the kernel ${label}: ${why}`
      throw new SottoError('internal_error', text, { cause, details: { parts, constants } })
    } finally {
      await refused
    }
  }

  /** @param {string} name */
  #part(name) {
    const text = this.#kernels.parts[name]
    if (text !== undefined) return text
    throw new SottoError(
      'version_mismatch',
      `The GPU's kernels have no ${name}: they are of another version than the module`,
    )
  }
}

/** @param {GPUShaderModule} module @param {string} code */
async function problems(module, code) {
  const lines = code.split('\n')
  const { messages } = await module.getCompilationInfo().catch(() => ({ messages: [] }))
  return messages
    .filter(({ type }) => type === 'error')
    .map(({ lineNum, message }) => `${message} (line ${lineNum}: ${lines[lineNum - 1]?.trim()})`)
    .join('; ')
}
