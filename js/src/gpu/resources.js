// The buffers and bind groups of a command stream by their numbers. The device says later whether
// one could be made.
import { internal, outOfMemory } from './problems.js'

/** @import { BindGroupRecord, BufferRecord, ReleaseRecord } from './records.js' */

// GPUBufferUsage, which is no global in Node.js
const COPY_BOTH = 4 | 8
const UNIFORM = 64
const STORAGE = 128

export class Resources {
  #device
  /** @type {GPUBuffer[]} */
  buffers = []
  /** @type {GPUBindGroup[]} */
  groups = []
  alive = { buffers: 0, storage_bytes: 0, uniform_bytes: 0 }
  /** @type {Set<Promise<unknown>>} of what the device has not said yet whether it could be made */
  #checks = new Set()
  /** @type {unknown} the first error of these */
  #failure

  /** @param {GPUDevice} device */
  constructor(device) {
    this.#device = device
  }

  /**
   * @param {BufferRecord} record
   * @returns {Promise<void>} rejects if there is no such buffer after all
   */
  buffer({ buffer, uniform, size }) {
    const label = `buffer ${buffer}`
    const usage = (uniform ? UNIFORM : STORAGE) | COPY_BOTH
    const inUse = this.alive.storage_bytes + this.alive.uniform_bytes
    const [made, check] = this.#checked(label, () =>
      this.#device.createBuffer({ label, size, usage }),
    )
    this.buffers[buffer] = made
    this.#count(made, 1)
    return this.#watched(check({ size, inUse }))
  }

  /**
   * @param {BindGroupRecord} record
   * @param {GPUBindGroupLayout} layout
   * @returns {Promise<void>} the same
   */
  bindGroup({ group, bindings }, layout) {
    const label = `bind group ${group}`
    const entries = bindings.map(({ buffer, offset, size }, binding) => {
      return { binding, resource: { buffer: this.buffers[buffer], offset, size } }
    })
    const [made, check] = this.#checked(label, () =>
      this.#device.createBindGroup({ label, layout, entries }),
    )
    this.groups[group] = made
    return this.#watched(check())
  }

  /** @param {ReleaseRecord} record what uses them has been submitted */
  release({ first, n }) {
    for (let buffer = first; buffer < first + n; buffer++) {
      const made = this.buffers[buffer]
      if (!made) continue
      made.destroy()
      this.#count(made, -1)
      delete this.buffers[buffer]
    }
  }

  /** Why the first thing that could not be made could not, once all have been heard of. */
  async failure() {
    await Promise.allSettled(this.#checks)
    return this.#failure
  }

  /** @param {GPUBuffer} buffer @param {1 | -1} sign */
  #count({ size, usage }, sign) {
    this.alive.buffers += sign
    this.alive[usage & UNIFORM ? 'uniform_bytes' : 'storage_bytes'] += sign * size
  }

  /** @param {Promise<void>} check */
  #watched(check) {
    this.#checks.add(check)
    check
      .catch((error) => {
        this.#failure ??= error
      })
      .finally(() => this.#checks.delete(check))
    return check
  }

  /**
   * @template {GPUBuffer | GPUBindGroup} T
   * @param {string} what
   * @param {() => T} make
   * @returns {[T, (bytes?: { size: number, inUse: number }) => Promise<void>]}
   */
  #checked(what, make) {
    const device = this.#device
    device.pushErrorScope('out-of-memory')
    device.pushErrorScope('validation')
    const made = make()
    const wrong = device.popErrorScope()
    const refused = device.popErrorScope()
    const check = async (/** @type {{ size: number, inUse: number } | undefined} */ bytes) => {
      const [noMemory, error] = await Promise.all([refused, wrong])
      if (noMemory) throw outOfMemory(what, bytes)
      if (error) throw internal(`The GPU refused ${what}: ${error.message}`, error)
    }
    return [made, check]
  }
}
