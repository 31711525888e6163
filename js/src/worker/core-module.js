// One instance of the compiled core: its memory, its functions, and moving data in and out.
// Pointers are unsigned here, views are made anew whenever memory has grown, and every failed
// status becomes a SottoError with the core's own message.
import createRelaxed from '../../dist/sotto-relaxed.mjs'
import createSimd128 from '../../dist/sotto-simd128.mjs'
import { SottoError } from '../errors.js'
import { threaded } from './glue-threads.js'
import { mismatch, StructView } from './layout.js'

/** @import { SottoErrorCode } from '../errors.js' */
/** @import { Layout } from './layout.js' */
/** @import { Threads } from './threads.js' */
/** @import { ModuleName } from './variant.js' */

const API_VERSION = 6
const PAGE = 65536
/** Address space of a 32-bit module. */
export const MAX_MEMORY = 65535 * PAGE
const MIN_MEMORY = 64 * PAGE // what the module is linked for
const STAGING = 1 << 19

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** @type {Record<string, typeof createRelaxed>} */
const glues = { relaxed: createRelaxed, simd128: createSimd128, ...threaded }

/**
 * Of the modules with threads: who starts them, how many besides the caller's, and who is told
 * of one that fails later.
 * @typedef {{ threads: Threads, more: number, onFailure: (error: SottoError) => void }} Team
 */

export class CoreModule {
  /** @type {Record<string, (...args: any[]) => any>} */
  #functions
  #memory
  #team
  #u8
  #view
  #staging = 0
  #out = 0
  /** @type {Layout} */
  layout
  /** @type {Map<number, SottoErrorCode>} */
  #codes = new Map()

  /**
   * @param {WebAssembly.Module} compiled
   * @param {ModuleName} name
   * @param {{ initial: number, maximum: number }} size of its memory, in bytes
   * @param {Team} [team]
   */
  static async create(compiled, name, size, team) {
    const memory = makeMemory(size, team !== undefined)
    const starting = new Promise((resolve, reject) => {
      const instantiateWasm = (
        /** @type {WebAssembly.Imports} */ imports,
        /** @type {(instance: WebAssembly.Instance, module: WebAssembly.Module) => void} */ done,
      ) => {
        const instantiate = async () =>
          done(await WebAssembly.instantiate(compiled, imports), compiled)
        instantiate().catch(reject)
        return {}
      }
      const silent = () => {}
      const options = { wasmMemory: memory, instantiateWasm, print: silent, printErr: silent }
      const startThread = () => team?.threads.makeWorker()
      glues[name]({ ...options, nThreads: team?.more, startThread }).then(resolve, reject)
    }).catch((error) => {
      if (error instanceof WebAssembly.LinkError) throw mismatch('such imports')
      throw error
    })
    const functions = await (team ? team.threads.watch(starting, team.onFailure) : starting)
    return new CoreModule(functions, memory, team)
  }

  /**
   * @param {Record<string, any>} functions
   * @param {WebAssembly.Memory} memory
   * @param {Team} [team]
   */
  constructor(functions, memory, team) {
    this.#functions = functions
    this.#memory = memory
    this.#team = team
    this.#u8 = new Uint8Array(memory.buffer)
    this.#view = new DataView(memory.buffer)
    const version = this.call('sotto_api_version')
    if (version !== API_VERSION) {
      throw new SottoError(
        'version_mismatch',
        `The module has API version ${version}, the library wants ${API_VERSION}`,
      )
    }
    this.layout = JSON.parse(this.string(this.call('sotto_layout_json')))
    for (const [code, number] of Object.entries(this.layout.status)) {
      this.#codes.set(number, /** @type {SottoErrorCode} */ (code))
    }
    this.#staging = this.alloc(STAGING)
    this.#out = this.alloc(64)
  }

  /** Ends its threads; the rest is garbage when nobody holds it. */
  end() {
    this.#team?.threads.end()
  }

  get memoryBytes() {
    return this.#memory.buffer.byteLength
  }

  get u8() {
    if (this.#u8.buffer !== this.#memory.buffer) this.#u8 = new Uint8Array(this.#memory.buffer)
    return this.#u8
  }

  get view() {
    if (this.#view.buffer !== this.#memory.buffer) this.#view = new DataView(this.#memory.buffer)
    return this.#view
  }

  /**
   * Calls an exported function by its C name.
   * @param {string} name
   * @param {...(number | bigint)} args
   * @returns {any} a number is made unsigned: pointers, statuses and counts all are
   */
  call(name, ...args) {
    const f = this.#functions[`_${name}`]
    if (!f) throw mismatch(name)
    const result = f(...args)
    return typeof result === 'number' ? result >>> 0 : result
  }

  /** @param {string} name as in sotto.h, without SOTTO_ */
  constant(name) {
    const value = this.layout.constants[name]
    if (value === undefined) throw mismatch(`constant ${name}`)
    return value
  }

  /** @param {number} size */
  alloc(size) {
    const ptr = this.call('sotto_host_alloc', size)
    if (ptr) return ptr
    throw new SottoError('out_of_memory', `No ${size} bytes left for the call`)
  }

  /** @param {number} ptr */
  free(ptr) {
    this.call('sotto_host_free', ptr)
  }

  /** @param {string} name */
  struct(name) {
    const view = new StructView(this.layout, name, () => this.view)
    view.ptr = this.alloc(view.size)
    this.u8.fill(0, view.ptr, view.ptr + view.size)
    return view
  }

  /** @param {string} name @param {number} ptr */
  structAt(name, ptr) {
    return new StructView(this.layout, name, () => this.view, ptr)
  }

  /**
   * The address of the n-th of eight 64-bit slots for results of a call.
   * @param {number} index
   */
  out(index) {
    return this.#out + 8 * index
  }

  /** @param {number} index */
  outU32(index) {
    return this.view.getUint32(this.out(index), true)
  }

  /** @param {number} index */
  outU64(index) {
    return Number(this.view.getBigUint64(this.out(index), true))
  }

  /**
   * Hands bytes to `use` in pieces that lie in the module's memory.
   * @param {Uint8Array} bytes
   * @param {(ptr: number, length: number, done: number) => boolean | void} use false: enough
   */
  feed(bytes, use) {
    for (let at = 0; at < bytes.length; at += STAGING) {
      const piece = bytes.subarray(at, at + STAGING)
      this.u8.set(piece, this.#staging)
      if (use(this.#staging, piece.length, at) === false) return
    }
  }

  /**
   * Calls `use` with all of these bytes in the module's memory.
   * @template T
   * @param {Uint8Array} bytes
   * @param {(ptr: number, length: number) => T} use
   */
  withBytes(bytes, use) {
    const small = bytes.length <= STAGING
    const ptr = small ? this.#staging : this.alloc(bytes.length)
    try {
      this.u8.set(bytes, ptr)
      return use(ptr, bytes.length)
    } finally {
      if (!small) this.free(ptr)
    }
  }

  /**
   * @template T
   * @param {string} text
   * @param {(ptr: number, length: number) => T} use
   */
  withText(text, use) {
    return this.withBytes(encoder.encode(text), use)
  }

  /**
   * A copy of bytes in the module's memory; decoders and the like take no view of a shared one.
   * @param {number} ptr
   * @param {number} length
   */
  bytes(ptr, length) {
    return this.u8.slice(ptr, ptr + length)
  }

  /** @param {number} ptr @param {number} length */
  text(ptr, length) {
    return length ? decoder.decode(this.bytes(ptr, length)) : ''
  }

  /** @param {number} ptr */
  string(ptr) {
    return ptr ? this.text(ptr, this.u8.indexOf(0, ptr) - ptr) : ''
  }

  /** @param {number} ptr @param {number} count */
  i32s(ptr, count) {
    return new Int32Array(this.u8.slice(ptr, ptr + 4 * count).buffer)
  }

  /** @param {number} ptr @param {number} count */
  f32s(ptr, count) {
    return new Float32Array(this.u8.slice(ptr, ptr + 4 * count).buffer)
  }

  /** @param {number} status */
  code(status) {
    return this.#codes.get(status) ?? 'internal_error'
  }

  /**
   * Throws what a failed call reports.
   * @param {number} status
   * @param {number} engine
   * @param {Record<string, any>} [details]
   */
  check(status, engine, details) {
    if (status === 0) return
    const message = this.string(this.call('sotto_engine_message', engine))
    const field = this.string(this.call('sotto_engine_error_field', engine))
    const known = field ? { field, ...details } : details
    throw new SottoError(this.code(status), message || this.code(status), { details: known })
  }
}

/** @param {{ initial: number, maximum: number }} size @param {boolean} shared */
function makeMemory({ initial, maximum }, shared) {
  const pages = (/** @type {number} */ bytes) =>
    Math.ceil(Math.min(Math.max(bytes, MIN_MEMORY), MAX_MEMORY) / PAGE)
  try {
    return new WebAssembly.Memory({ initial: pages(initial), maximum: pages(maximum), shared })
  } catch (cause) {
    const megabytes = Math.ceil(initial / 1e6)
    throw new SottoError('out_of_memory', `The host refused a memory of ${megabytes} MB`, {
      cause,
      details: { bytes: initial },
    })
  }
}
