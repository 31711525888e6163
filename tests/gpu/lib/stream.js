// Writes a command stream into memory, as the core does.
import { layout } from './layout.js'

const encoder = new TextEncoder()

/** Memory of a module: grows, and its views are others then. */
export class TestMemory {
  constructor(shared = false, pages = 16) {
    this.memory = new WebAssembly.Memory({ initial: pages, maximum: 4096, shared })
  }
  get u8() {
    return new Uint8Array(this.memory.buffer)
  }
  get view() {
    return new DataView(this.memory.buffer)
  }
  grow(pages = 1) {
    this.memory.grow(pages)
  }
  f32(address, n) {
    return Array.from(new Float32Array(this.u8.slice(address, address + 4 * n).buffer))
  }
  putF32(address, values) {
    this.u8.set(new Uint8Array(Float32Array.from(values).buffer), address)
  }
}

export class Stream {
  #memory
  #from
  #at

  /** @param {number} address where the records go */
  constructor(memory, address = 0) {
    this.#memory = memory
    this.#from = address
    this.#at = address
  }

  /** What sotto_engine_gpu_take would say. */
  get commands() {
    return { records: this.#from, n_bytes: this.#at - this.#from }
  }

  #struct(name, at, fields) {
    const { view } = this.#memory
    for (const [field, value] of Object.entries(fields)) {
      const [type, offset] = layout.structs[name].fields[field]
      if (type === 'u64') view.setBigUint64(at + offset, BigInt(value), true)
      else view.setUint32(at + offset, value, true)
    }
    return at + layout.structs[name].size
  }

  /** @param {(at: number) => number} [more] what follows the struct: from where, to where */
  #record(kind, fields, more = (at) => at) {
    const name = `gpu_${kind.toLowerCase()}`
    const isHead = kind === 'SUBMIT' || kind === 'DISPATCH'
    const behind = this.#struct(isHead ? 'gpu_record' : name, this.#at, fields)
    const end = Math.ceil(more(behind) / 8) * 8
    this.#struct('gpu_record', this.#at, {
      kind: layout.constants[`GPU_${kind}`],
      bytes: end - this.#at,
    })
    this.#at = end
    return this
  }

  buffer(buffer, size, uniform = 0) {
    return this.#record('BUFFER', { buffer, size, uniform })
  }

  pipeline(pipeline, parts, bindings, constants = '') {
    const lens = { parts_len: parts.length, bindings_len: bindings.length }
    const fields = { pipeline, ...lens, constants_len: constants.length }
    return this.#record('PIPELINE', fields, (at) => {
      const bytes = encoder.encode(parts + bindings + constants)
      this.#memory.u8.set(bytes, at)
      return at + bytes.length
    })
  }

  /** @param {[buffer: number, offset: number, size: number][]} bindings */
  bindGroup(group, pipeline, bindings) {
    return this.#record('BIND_GROUP', { group, pipeline }, (at) =>
      bindings.reduce(
        (to, [buffer, offset, size]) => this.#struct('gpu_binding', to, { buffer, offset, size }),
        at,
      ),
    )
  }

  /** @param {[pipeline: number, group: number, x: number, y?: number, z?: number][]} dispatches */
  list(list, dispatches) {
    return this.#record('LIST', { list, n_dispatches: dispatches.length }, (at) =>
      dispatches.reduce((to, dispatch) => this.#putDispatch(to, dispatch), at),
    )
  }

  #putDispatch(at, [pipeline, group, x, y = 1, z = 1]) {
    return this.#struct('gpu_dispatch', at, { pipeline, group, x, y, z })
  }

  release(first, n) {
    return this.#record('RELEASE', { first, n })
  }

  write(buffer, offset, address, n) {
    return this.#record('WRITE', { buffer, offset, address, n })
  }

  copy(from, from_offset, to, to_offset, n) {
    return this.#record('COPY', { from, from_offset, to, to_offset, n })
  }

  clear(buffer, offset, n) {
    return this.#record('CLEAR', { buffer, offset, n })
  }

  read(buffer, offset, address, n) {
    return this.#record('READ', { buffer, offset, address, n })
  }

  run(list) {
    return this.#record('RUN', { list })
  }

  dispatch(...dispatch) {
    return this.#record('DISPATCH', {}, (at) => this.#putDispatch(at, dispatch))
  }

  submit() {
    return this.#record('SUBMIT', {})
  }
}
