// Carries out the core's command stream (src/backend/gpu/records.h) on a GPUDevice: makes buffers,
// pipelines, bind groups and lists once, then runs lists. Streams are carried out in the order in
// which they are given, and each is over when its pipelines are compiled, its reads are in linear
// memory and what it wrote was taken.
//
// The first failure is the last: a device that is lost, or a command that was refused, leaves the
// buffers in a state that nobody knows, so all that is under way or comes later fails alike.
import { SottoError } from '../errors.js'
import { CommandQueue } from './command-queue.js'
import { Pipelines } from './pipelines.js'
import { internal, lost, outOfMemory, uncaptured } from './problems.js'
import { Records } from './records.js'
import { Staging } from './staging.js'

/** @import { Layout } from '../worker/layout.js' */
/** @import { Kernels } from './pipelines.js' */
/** @import { BindGroupRecord, BufferRecord, ClearRecord, CopyRecord } from './records.js' */
/** @import { GpuRecord, ListRecord, Memory, PipelineRecord } from './records.js' */
/** @import { ReadRecord, ReleaseRecord, WriteRecord } from './records.js' */

// GPUBufferUsage, which is no global in Node.js
const COPY_BOTH = 4 | 8
const UNIFORM = 64
const STORAGE = 128

/**
 * What one stream waits for, and the reads that it has gathered.
 * @typedef {object} Stream
 * @property {number} end address
 * @property {Promise<unknown>[]} setUp
 * @property {GPUBuffer | undefined} staging
 * @property {number} staged bytes
 * @property {{ from: number, n: number, address: number }[]} reads
 */

export class Executor {
  #device
  #memory
  #records
  #queue
  #pipelines
  #staging
  /** @type {GPUBuffer[]} */
  #buffers = []
  /** @type {string[]} letters of the bindings of each pipeline, compiled or not */
  #bindings = []
  /** @type {GPUComputePipeline[]} */
  #compiled = []
  /** @type {GPUBindGroup[]} */
  #groups = []
  /** @type {Uint32Array[]} */
  #lists = []
  /** @type {GPUBuffer | undefined} where copies within a buffer pass through */
  #detour
  /** @type {Set<(error: SottoError) => void>} of the streams under way */
  #pending = new Set()
  /** @type {SottoError | undefined} */
  #failure
  #counts = { dispatches: 0, reads: 0, bytes_written: 0, bytes_read: 0, pipelines: 0 }
  #alive = { buffers: 0, storage_bytes: 0, uniform_bytes: 0 }

  /**
   * @param {GPUDevice} device that nobody else uses
   * @param {Kernels} kernels
   * @param {Memory} memory
   * @param {Layout} layout
   */
  constructor(device, kernels, memory, layout) {
    this.#device = device
    this.#memory = memory
    this.#records = new Records(layout, memory)
    this.#queue = new CommandQueue(device)
    this.#pipelines = new Pipelines(device, kernels)
    this.#staging = new Staging(device)
    device.lost.then(({ message }) => this.#fail(lost(message)))
    device.addEventListener('uncapturederror', (event) => {
      event.preventDefault() // the console need not tell what the streams' errors do
      this.#fail(uncaptured(/** @type {GPUUncapturedErrorEvent} */ (event).error))
    })
  }

  /**
   * Reads the records, and what they point to, before it returns.
   * @param {{ records: number, n_bytes: number }} commands
   * @returns {Promise<void>} resolves when all of it is done, rejects with a SottoError
   */
  execute({ records, n_bytes }) {
    return new Promise((resolve, reject) => {
      if (this.#failure) return reject(this.#failure)
      this.#pending.add(reject)
      this.#carryOut(records, n_bytes)
        .then(resolve, (error) => this.#fail(error))
        .finally(() => this.#pending.delete(reject))
    })
  }

  /** Resolves once no more than 64 MB that were written have not been taken. */
  async room() {
    await this.#queue.room()
    if (this.#failure) throw this.#failure
  }

  statistics() {
    const staging_bytes = this.#staging.bytes
    return { ...this.#counts, submits: this.#queue.submits, ...this.#alive, staging_bytes }
  }

  /** Frees everything at once; what is under way fails. */
  destroy() {
    this.#fail(lost('it was given back'))
    this.#device.destroy()
  }

  /** @param {unknown} error */
  #fail(error) {
    this.#failure ??= error instanceof SottoError ? error : internal(String(error), error)
    for (const reject of this.#pending) reject(this.#failure)
    this.#pending.clear()
    this.#queue.stop()
  }

  /** @param {number} from @param {number} n_bytes */
  async #carryOut(from, n_bytes) {
    /** @type {Stream} */
    const stream = { end: from + n_bytes, setUp: [], staging: undefined, staged: 0, reads: [] }
    this.#records.each(from, n_bytes, (kind, at) => {
      if (!kind) throw internal('Unknown kind of GPU record')
      this.#handlers[kind](at, stream)
    })
    this.#queue.submit()
    const { setUp, staging, staged, reads } = stream
    const taking = staging ? this.#takeReads(staging, staged, reads) : this.#queue.done()
    await Promise.all([taking, ...setUp])
  }

  /** @type {Record<GpuRecord['kind'], (at: number, stream: Stream) => void>} */
  #handlers = {
    BUFFER: (at, stream) => this.#buffer(this.#records.read('BUFFER', at), stream),
    PIPELINE: (at, stream) => this.#pipeline(this.#records.read('PIPELINE', at), stream),
    BIND_GROUP: (at, stream) => this.#bindGroup(this.#records.read('BIND_GROUP', at), stream),
    LIST: (at) => this.#list(this.#records.read('LIST', at)),
    RELEASE: (at) => this.#release(this.#records.read('RELEASE', at)),
    WRITE: (at) => this.#write(this.#records.read('WRITE', at)),
    COPY: (at) => this.#copy(this.#records.read('COPY', at)),
    CLEAR: (at) => this.#clear(this.#records.read('CLEAR', at)),
    READ: (at, stream) => this.#read(this.#records.read('READ', at), at, stream),
    RUN: (at) => this.#run(at),
    DISPATCH: (at) => {
      const from = at / 4 + this.#records.at.headWords
      this.#dispatch(this.#records.words, from, from + this.#records.at.dispatchWords)
    },
    SUBMIT: () => this.#queue.submit(),
  }

  // ---- set-up ----

  /** @param {BufferRecord} record @param {Stream} stream */
  #buffer({ buffer, uniform, size }, stream) {
    const label = `buffer ${buffer}`
    const usage = (uniform ? UNIFORM : STORAGE) | COPY_BOTH
    const inUse = this.#alive.storage_bytes + this.#alive.uniform_bytes
    const make = () => this.#device.createBuffer({ label, size, usage })
    this.#buffers[buffer] = this.#checked(label, make, stream, { size, inUse })
    this.#alive.buffers++
    this.#alive[uniform ? 'uniform_bytes' : 'storage_bytes'] += size
  }

  /** @param {PipelineRecord} record @param {Stream} stream */
  #pipeline(record, stream) {
    this.#bindings[record.pipeline] = record.bindings
    this.#counts.pipelines++
    const compiling = this.#pipelines.compile(record).then((compiled) => {
      this.#compiled[record.pipeline] = compiled
    })
    awaits(stream, compiling)
  }

  /** @param {BindGroupRecord} record @param {Stream} stream */
  #bindGroup({ group, pipeline, bindings }, stream) {
    const label = `bind group ${group}`
    const layout = this.#pipelines.layout(this.#bindings[pipeline])
    const entries = bindings.map(({ buffer, offset, size }, binding) => {
      return { binding, resource: { buffer: this.#buffers[buffer], offset, size } }
    })
    const make = () => this.#device.createBindGroup({ label, layout, entries })
    this.#groups[group] = this.#checked(label, make, stream)
  }

  /** @param {ListRecord} record */
  #list({ list, dispatches }) {
    this.#lists[list] = dispatches
  }

  /** @param {ReleaseRecord} record */
  #release({ first, n }) {
    this.#queue.submit() // what uses them
    for (let number = first; number < first + n; number++) {
      const buffer = this.#buffers[number]
      if (!buffer) continue
      this.#alive.buffers--
      this.#alive[buffer.usage & UNIFORM ? 'uniform_bytes' : 'storage_bytes'] -= buffer.size
      buffer.destroy()
      delete this.#buffers[number]
    }
  }

  /**
   * Makes something of which the device says later whether it exists.
   * @template T
   * @param {string} what
   * @param {() => T} make
   * @param {Stream} stream
   * @param {{ size: number, inUse: number }} [bytes]
   */
  #checked(what, make, stream, bytes) {
    const device = this.#device
    device.pushErrorScope('out-of-memory')
    device.pushErrorScope('validation')
    const made = make()
    const wrong = device.popErrorScope()
    const refused = device.popErrorScope()
    const check = async () => {
      if (await refused) throw outOfMemory(what, bytes)
      const error = await wrong
      if (error) throw internal(`The GPU refused ${what}: ${error.message}`, error)
    }
    awaits(stream, check())
    return made
  }

  // ---- data ----

  /** @param {WriteRecord} record */
  #write({ buffer, n, offset, address }) {
    this.#counts.bytes_written += n
    this.#queue.write(this.#buffers[buffer], offset, this.#memory.u8.subarray(address, address + n))
  }

  /** @param {CopyRecord} record */
  #copy({ from, to, from_offset, to_offset, n }) {
    const [source, goal] = [this.#buffers[from], this.#buffers[to]]
    if (from !== to) {
      return this.#queue.encoder().copyBufferToBuffer(source, from_offset, goal, to_offset, n)
    }
    // WebGPU copies between different buffers only.
    const detour = this.#detourOf(n)
    const encoder = this.#queue.encoder()
    encoder.copyBufferToBuffer(source, from_offset, detour, 0, n)
    encoder.copyBufferToBuffer(detour, 0, goal, to_offset, n)
  }

  /** @param {number} n */
  #detourOf(n) {
    if (this.#detour && this.#detour.size >= n) return this.#detour
    this.#queue.submit() // what uses the old one
    this.#detour?.destroy()
    this.#detour = this.#device.createBuffer({ label: 'detour', size: n, usage: COPY_BOTH })
    return this.#detour
  }

  /** @param {ClearRecord} record */
  #clear({ buffer, offset, n }) {
    this.#queue.encoder().clearBuffer(this.#buffers[buffer], offset, n)
  }

  /** @param {ReadRecord} record @param {number} at @param {Stream} stream */
  #read({ buffer, n, offset, address }, at, stream) {
    stream.staging ??= this.#staging.take(this.#bytesOfReads(at, stream.end))
    const from = stream.staged
    this.#queue.encoder().copyBufferToBuffer(this.#buffers[buffer], offset, stream.staging, from, n)
    stream.reads.push({ from, n, address })
    stream.staged += n
  }

  /** @param {number} from @param {number} end */
  #bytesOfReads(from, end) {
    let bytes = 0
    this.#records.each(from, end - from, (kind, at) => {
      if (kind === 'READ') bytes += this.#records.read(kind, at).n
    })
    return bytes
  }

  /**
   * @param {GPUBuffer} staging
   * @param {number} staged
   * @param {Stream['reads']} reads
   */
  async #takeReads(staging, staged, reads) {
    const taken = this.#queue.claim()
    try {
      await this.#staging.read(staging, staged, (bytes) => {
        if (this.#failure) return
        const { u8 } = this.#memory
        for (const { from, n, address } of reads) u8.set(bytes.subarray(from, from + n), address)
      })
    } catch (error) {
      // A device that is lost says so too, perhaps a little later.
      const loss = await Promise.race([this.#device.lost, soon()])
      throw loss ? lost(loss.message) : internal(`The GPU's memory was not read: ${error}`, error)
    }
    taken()
    this.#counts.reads += reads.length
    this.#counts.bytes_read += staged
  }

  // ---- steps ----

  /** @param {number} at */
  #run(at) {
    const number = this.#records.words[at / 4 + this.#records.at.list]
    const list = this.#lists[number]
    if (!list) throw internal(`No GPU list ${number}`)
    this.#dispatch(list, 0, list.length)
  }

  /**
   * @param {Uint32Array} words with dispatches
   * @param {number} from
   * @param {number} to
   */
  #dispatch(words, from, to) {
    const { dispatch: at, dispatchWords: step } = this.#records.at
    const pass = this.#queue.pass()
    let last = -1
    for (let i = from; i < to; i += step) {
      const pipeline = words[i + at.pipeline]
      if (pipeline !== last) {
        const compiled = this.#compiled[pipeline]
        if (!compiled) throw internal(`GPU pipeline ${pipeline} is not compiled yet`)
        pass.setPipeline(compiled)
        last = pipeline
      }
      pass.setBindGroup(0, this.#groups[words[i + at.group]])
      pass.dispatchWorkgroups(words[i + at.x], words[i + at.y], words[i + at.z])
    }
    this.#counts.dispatches += (to - from) / step
  }
}

/** @param {Stream} stream @param {Promise<void>} work may fail before the stream is waited for */
function awaits(stream, work) {
  work.catch(() => {})
  stream.setUp.push(work)
}

/** Resolves after a moment. */
const soon = () => new Promise((resolve) => setTimeout(() => resolve(undefined), 100))
