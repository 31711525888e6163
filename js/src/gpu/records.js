// The records of the core's command stream (src/backend/gpu/records.h) as plain objects. What a
// step has many of, runs and dispatches, is read by the offsets given here instead.
import { mismatch, StructView } from '../worker/layout.js'

/** @import { Layout, Struct } from '../worker/layout.js' */

/**
 * Linear memory; growth replaces the views.
 * @typedef {{ readonly u8: Uint8Array, readonly view: DataView }} Memory
 */
/** @typedef {{ buffer: number, offset: number, size: number }} Binding */
/**
 * @typedef {{ kind: 'BUFFER', buffer: number, uniform: number, size: number }} BufferRecord
 * @typedef {{ kind: 'PIPELINE', pipeline: number, parts: string[], bindings: string,
 *   constants: string }} PipelineRecord
 * @typedef {{ kind: 'BIND_GROUP', group: number, pipeline: number, bindings: Binding[] }}
 *   BindGroupRecord
 * @typedef {{ kind: 'LIST', list: number, dispatches: Uint32Array }} ListRecord
 * @typedef {{ kind: 'RELEASE', first: number, n: number }} ReleaseRecord
 * @typedef {{ kind: 'WRITE', buffer: number, n: number, offset: number, address: number }}
 *   WriteRecord
 * @typedef {{ kind: 'COPY', from: number, to: number, from_offset: number, to_offset: number,
 *   n: number }} CopyRecord
 * @typedef {{ kind: 'CLEAR', buffer: number, offset: number, n: number }} ClearRecord
 * @typedef {{ kind: 'READ', buffer: number, n: number, offset: number, address: number }}
 *   ReadRecord
 * @typedef {{ kind: 'RUN', list: number }} RunRecord
 * @typedef {{ kind: 'DISPATCH', dispatches: Uint32Array }} DispatchRecord of one
 * @typedef {{ kind: 'SUBMIT' }} SubmitRecord
 */
/**
 * @typedef {BufferRecord | PipelineRecord | BindGroupRecord | ListRecord | ReleaseRecord |
 *   WriteRecord | CopyRecord | ClearRecord | ReadRecord | RunRecord | DispatchRecord |
 *   SubmitRecord} GpuRecord
 */

const KINDS = /** @type {GpuRecord['kind'][]} */ (
  'BUFFER PIPELINE BIND_GROUP LIST RELEASE WRITE COPY CLEAR READ RUN DISPATCH SUBMIT'.split(' ')
)

const decoder = new TextDecoder()

export class Records {
  #layout
  #memory
  /** @type {Uint32Array<ArrayBufferLike>} */
  #words = new Uint32Array()
  /** @type {GpuRecord['kind'][]} by their numbers */
  #kinds = []
  /** In words: of a record's head, of a run, of a dispatch in a list. */
  at

  /**
   * @param {Layout} layout
   * @param {Memory} memory
   */
  constructor(layout, memory) {
    this.#layout = layout
    this.#memory = memory
    for (const kind of KINDS) {
      const number = layout.constants[`GPU_${kind}`]
      if (number === undefined) throw mismatch(`GPU_${kind}`)
      this.#kinds[number] = kind
    }
    const head = this.#offsets('gpu_record')
    this.at = {
      kind: head.kind,
      bytes: head.bytes,
      headWords: this.#size('gpu_record') / 4,
      list: this.#offsets('gpu_run').list,
      dispatch: this.#offsets('gpu_dispatch'),
      dispatchWords: this.#size('gpu_dispatch') / 4,
    }
  }

  /** Memory as it is now, in words. */
  get words() {
    const { buffer } = this.#memory.u8
    if (this.#words.buffer !== buffer) this.#words = new Uint32Array(buffer)
    return this.#words
  }

  /**
   * Calls `use` with the kind and the address of each record.
   * @param {number} from address of the first
   * @param {number} end
   * @param {(kind: GpuRecord['kind'] | undefined, at: number) => void} use
   */
  each(from, end, use) {
    const { words } = this
    for (let at = from; at < end; ) {
      use(this.#kinds[words[at / 4 + this.at.kind]], at)
      const bytes = words[at / 4 + this.at.bytes]
      if (bytes === 0) throw mismatch('end of a GPU record')
      at += bytes
    }
  }

  /** @param {number} from @param {number} end */
  bytesOfReads(from, end) {
    let bytes = 0
    this.each(from, end, (kind, at) => {
      if (kind === 'READ') bytes += this.read(kind, at).n
    })
    return bytes
  }

  /**
   * @param {GpuRecord['kind']} kind
   * @param {number} at
   * @returns {any} a record of this kind
   */
  read(kind, at) {
    const { at: offsets, words } = this
    if (kind === 'SUBMIT') return { kind }
    if (kind === 'DISPATCH') {
      const from = at / 4 + offsets.headWords
      return { kind, dispatches: words.slice(from, from + offsets.dispatchWords) }
    }
    const struct = new StructView(this.#layout, `gpu_${kind.toLowerCase()}`, this.#view, at)
    const { bytes, kind: _, ...fields } = struct.numbers()
    const behind = at + struct.size
    if (kind === 'LIST') {
      const { list, n_dispatches } = fields
      const n = n_dispatches * offsets.dispatchWords
      return { kind, list, dispatches: words.slice(behind / 4, behind / 4 + n) }
    }
    if (kind === 'BIND_GROUP')
      return { kind, ...fields, bindings: this.#bindings(behind, at + bytes) }
    if (kind !== 'PIPELINE') return { kind, ...fields }
    const { pipeline, parts_len, bindings_len, constants_len } = fields
    const text = decoder.decode(
      this.#memory.u8.slice(behind, behind + parts_len + bindings_len + constants_len),
    )
    return {
      kind,
      pipeline,
      parts: text.slice(0, parts_len).split(' '),
      bindings: text.slice(parts_len, parts_len + bindings_len),
      constants: text.slice(parts_len + bindings_len),
    }
  }

  /** @param {number} from @param {number} to @returns {Binding[]} */
  #bindings(from, to) {
    const { size } = this.#struct('gpu_binding')
    return Array.from({ length: Math.floor((to - from) / size) }, (_, index) => {
      const struct = new StructView(this.#layout, 'gpu_binding', this.#view, from + index * size)
      return /** @type {any} */ (struct.numbers())
    })
  }

  #view = () => this.#memory.view

  /** @param {string} name @returns {Struct} */
  #struct(name) {
    const struct = this.#layout.structs[name]
    if (!struct) throw mismatch(`struct ${name}`)
    return struct
  }

  /** @param {string} name */
  #size(name) {
    return this.#struct(name).size
  }

  /** @param {string} name @returns {Record<string, number>} of its fields, in words */
  #offsets(name) {
    const fields = Object.entries(this.#struct(name).fields)
    return Object.fromEntries(fields.map(([field, [, offset]]) => [field, offset / 4]))
  }
}
