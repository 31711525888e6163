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
import { internal, lost, uncaptured } from './problems.js'
import { Readback, Staging } from './readback.js'
import { Records } from './records.js'
import { Resources } from './resources.js'
import { Timestamps } from './timestamps.js'

/** @import { Layout } from '../worker/layout.js' */
/** @import { Kernels } from './pipelines.js' */
/** @import { BindGroupRecord, ClearRecord, CopyRecord, GpuRecord, Memory } from './records.js' */
/** @import { PipelineRecord, ReadRecord, WriteRecord } from './records.js' */

const COPY_BOTH = 4 | 8 // GPUBufferUsage, which is no global in Node.js

/**
 * @typedef {object} Stream
 * @property {number} end address
 * @property {Promise<unknown>[]} answers of the device, that it waits for
 * @property {Readback | undefined} readback
 */

export class Executor {
  #device
  #memory
  #records
  #queue
  #pipelines
  #resources
  #staging
  /** @type {string[]} letters of the bindings of each pipeline, compiled or not */
  #bindings = []
  /** @type {GPUComputePipeline[]} */
  #compiled = []
  /** @type {Uint32Array[]} */
  #lists = []
  /** @type {GPUBuffer | undefined} where copies within a buffer pass through */
  #detour
  /** @type {Set<(error: SottoError) => void>} of the streams under way */
  #pending = new Set()
  /** @type {Set<Promise<unknown>>} the answers that the device owes */
  #owed = new Set()
  /** @type {SottoError | undefined} */
  #failure
  #timestamps
  /** From the encoding of commands until what they read was there. */
  #lastStepMs = 0
  #counts = {
    dispatches: 0,
    reads: 0,
    readbacks: 0,
    bytes_written: 0,
    bytes_read: 0,
    pipelines: 0,
    waited_ms: 0,
  }
  /** Streams whose reads are waited for, and since when there are some. */
  #reading = 0
  #since = 0

  /**
   * @param {GPUDevice} device that nobody else uses
   * @param {Kernels} kernels
   * @param {Memory} memory
   * @param {Layout} layout
   * @param {{ timestamps?: boolean }} [options] timestamps: of each kernel, where the device can
   */
  constructor(device, kernels, memory, layout, { timestamps = false } = {}) {
    this.#device = device
    this.#memory = memory
    this.#records = new Records(layout, memory)
    this.#queue = new CommandQueue(device)
    this.#pipelines = new Pipelines(device, kernels)
    this.#resources = new Resources(device)
    this.#staging = new Staging(device)
    const timed = timestamps && device.features.has('timestamp-query')
    this.#timestamps = timed ? new Timestamps(device) : undefined
    device.lost.then(({ message }) => this.#fail(lost(message)))
    device.addEventListener('uncapturederror', (event) => {
      event.preventDefault() // the console need not tell what the streams' errors do
      this.#refused(uncaptured(/** @type {GPUUncapturedErrorEvent} */ (event).error))
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
        .then(resolve, async (error) => {
          // Promises of a device that is lost are rejected in many ways, some before it says so.
          await Promise.race([this.#device.lost, soon()])
          this.#fail(error)
        })
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
    const { alive } = this.#resources
    const counts = { ...this.#counts, submits: this.#queue.submits, ...alive, staging_bytes }
    const kernels = this.#timestamps && { kernels: this.#timestamps.kernels }
    return { ...counts, last_step_ms: this.#lastStepMs, ...kernels }
  }

  /** Frees everything at once; what is under way fails. Resolves when the device owes no answer. */
  async destroy() {
    this.#fail(lost('it was given back'))
    this.#device.destroy()
    await Promise.all([this.#device.lost, ...this.#owed])
  }

  /**
   * What there is no memory for is refused wherever it is used, and that may be known before it is.
   * @param {SottoError} error
   */
  async #refused(error) {
    const first = error.code === 'out_of_memory' ? undefined : await this.#resources.failure()
    this.#fail(first ?? error)
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
    const stream = { end: from + n_bytes, answers: [], readback: undefined }
    const begin = performance.now()
    this.#records.each(from, stream.end, (kind, at) => {
      if (!kind) throw internal('Unknown kind of GPU record')
      this.#handlers[kind](at, stream)
    })
    this.#timestamps?.resolve(() => this.#queue.encoder())
    this.#queue.submit()
    const { answers, readback } = stream
    this.#awaits(answers, readback ? this.#takeReads(readback) : this.#queue.done())
    if (this.#timestamps) this.#awaits(answers, this.#timestamps.read())
    await Promise.all(answers)
    if (readback) this.#lastStepMs = performance.now() - begin
  }

  /** @param {Promise<unknown>[]} all @param {Promise<void>} answer of the device */
  #awaits(all, answer) {
    all.push(answer)
    const settled = answer.catch(() => {}).finally(() => this.#owed.delete(settled))
    this.#owed.add(settled)
  }

  /** @type {Record<GpuRecord['kind'], (at: number, stream: Stream) => void>} */
  #handlers = {
    BUFFER: (at, { answers }) =>
      this.#awaits(answers, this.#resources.buffer(this.#records.read('BUFFER', at))),
    PIPELINE: (at, { answers }) =>
      this.#awaits(answers, this.#pipeline(this.#records.read('PIPELINE', at))),
    BIND_GROUP: (at, { answers }) =>
      this.#awaits(answers, this.#bindGroup(this.#records.read('BIND_GROUP', at))),
    LIST: (at) => {
      const { list, dispatches } = this.#records.read('LIST', at)
      this.#lists[list] = dispatches
    },
    RELEASE: (at) => {
      this.#queue.submit() // what uses them
      this.#resources.release(this.#records.read('RELEASE', at))
    },
    WRITE: (at) => this.#write(this.#records.read('WRITE', at)),
    COPY: (at) => this.#copy(this.#records.read('COPY', at)),
    CLEAR: (at) => this.#clear(this.#records.read('CLEAR', at)),
    READ: (at, stream) => this.#read(this.#records.read('READ', at), at, stream),
    RUN: (at) => this.#run(this.#records.words[at / 4 + this.#records.at.list]),
    DISPATCH: (at) => {
      const from = at / 4 + this.#records.at.headWords
      this.#dispatch(this.#records.words, from, from + this.#records.at.dispatchWords)
    },
    SUBMIT: () => this.#queue.submit(),
  }

  /** @param {PipelineRecord} record */
  async #pipeline(record) {
    this.#bindings[record.pipeline] = record.bindings
    this.#counts.pipelines++
    this.#compiled[record.pipeline] = await this.#pipelines.compile(record)
  }

  /** @param {BindGroupRecord} record */
  #bindGroup(record) {
    const layout = this.#pipelines.layout(this.#bindings[record.pipeline])
    return this.#resources.bindGroup(record, layout)
  }

  // ---- data ----

  /** @param {WriteRecord} record */
  #write({ buffer, n, offset, address }) {
    this.#counts.bytes_written += n
    const bytes = this.#memory.u8.subarray(address, address + n)
    this.#queue.write(this.#resources.buffers[buffer], offset, bytes)
  }

  /** @param {CopyRecord} record */
  #copy({ from, to, from_offset, to_offset, n }) {
    const { buffers } = this.#resources
    const [source, goal] = [buffers[from], buffers[to]]
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
    this.#queue.encoder().clearBuffer(this.#resources.buffers[buffer], offset, n)
  }

  /** @param {ReadRecord} record @param {number} at @param {Stream} stream */
  #read(record, at, stream) {
    stream.readback ??= new Readback(this.#staging, this.#records.bytesOfReads(at, stream.end))
    stream.readback.add(this.#queue.encoder(), this.#resources.buffers[record.buffer], record)
  }

  /** @param {Readback} readback */
  async #takeReads(readback) {
    const taken = this.#queue.claim()
    if (this.#reading++ === 0) this.#since = performance.now()
    await readback.map()
    if (--this.#reading === 0) this.#counts.waited_ms += performance.now() - this.#since
    taken()
    if (this.#failure) return
    readback.copyTo(this.#memory)
    this.#counts.readbacks++
    this.#counts.reads += readback.count
    this.#counts.bytes_read += readback.bytes
  }

  // ---- steps ----

  /** @param {number} number of a list */
  #run(number) {
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
    const { groups } = this.#resources
    let pass = this.#queue.pass()
    let last = -1
    for (let i = from; i < to; i += step) {
      const pipeline = words[i + at.pipeline]
      if (pipeline !== last) {
        const compiled = this.#compiled[pipeline]
        if (!compiled) throw internal(`GPU pipeline ${pipeline} is not compiled yet`)
        if (this.#timestamps) {
          let end = i
          while (end < to && words[end + at.pipeline] === pipeline) end += step
          const { label } = compiled
          pass = this.#queue.newPass(this.#timestamps.pass(label, (end - i) / step))
        }
        pass.setPipeline(compiled)
        last = pipeline
      }
      pass.setBindGroup(0, groups[words[i + at.group]])
      pass.dispatchWorkgroups(words[i + at.x], words[i + at.y], words[i + at.z])
    }
    if (this.#timestamps) this.#queue.encoder() // what follows is in no pass of a kernel's
    this.#counts.dispatches += (to - from) / step
  }
}

/** Resolves after a moment. */
const soon = () => new Promise((resolve) => setTimeout(() => resolve(undefined), 100))
