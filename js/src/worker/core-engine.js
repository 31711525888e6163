// One engine in one module instance: sotto.h with JavaScript's values. Holds no promise and no
// message; loader.js and loop.js drive it.
import { SottoError } from '../errors.js'
import { CoreGpu } from './core-gpu.js'
import { CoreModule } from './core-module.js'
import { bytesOf, withRequest } from './core-request.js'
import { eventOf, finishReasons, infoOf } from './core-results.js'

/** @import { MemoryPlan, MemoryPlanNumbers } from '../types.js' */
/** @import { ChatTemplateInput, CoreRequest, EngineEvent } from '../protocol.js' */
/** @import { OpenGpu } from './open-gpu.js' */

/** @typedef {{ file: number, offset: number, length: number }} Range */

export class CoreEngine {
  /** @type {Record<string, import('./layout.js').StructView>} */
  #structs
  #finishReasons
  #shape = /** @type {Record<string, number>} */ ({})
  /** @type {CoreGpu | undefined} where the engine runs on a GPU */
  gpu

  /**
   * @param {CoreModule} module
   * @param {Record<string, number>} options fields of sotto_engine_options; the rest is default
   */
  constructor(module, options) {
    this.module = module
    const names = { plan: 'memory_plan', info: 'model_info', range: 'range', event: 'event' }
    this.#structs = Object.fromEntries(
      Object.entries(names).map(([key, name]) => [key, module.struct(name)]),
    )
    const struct = module.struct('engine_options')
    module.call('sotto_engine_options_default', struct.ptr)
    for (const [field, value] of Object.entries(options)) struct.set(field, value)
    this.ptr = module.call('sotto_engine_new', struct.ptr)
    module.free(struct.ptr)
    if (!this.ptr) throw new SottoError('out_of_memory', 'No memory for an engine')
    this.#finishReasons = finishReasons(module)
  }

  /**
   * Makes the engine run on a GPU; before plan().
   * @param {OpenGpu} gpu
   * @param {(error: unknown) => void} onCrash the module trapped while it was told what is done
   */
  attachGpu(gpu, onCrash) {
    this.gpu = new CoreGpu(this, gpu, onCrash)
    this.gpu.withDevice((device) => this.#do('set_gpu', device))
  }

  /**
   * Goes on on another GPU or the CPU, with weights to be fed again. If it throws nothing changed.
   * @param {OpenGpu | undefined} gpu
   * @param {(error: unknown) => void} onCrash
   * @returns {MemoryPlanNumbers}
   */
  recover(gpu, onCrash) {
    const { ptr } = this.#structs.plan
    const next = gpu && new CoreGpu(this, gpu, onCrash)
    if (next) next.withDevice((device) => this.#do('recover', device, ptr))
    else this.#do('recover', 0, ptr)
    this.gpu?.leave()
    this.gpu = next
    next?.start()
    return this.#plan()
  }

  // ---- loading ----

  /** @param {number} count */
  setFiles(count) {
    this.#do('set_files', count)
  }

  /** @param {number} file @param {number} size */
  setFileSize(file, size) {
    this.#do('set_file_size', file, BigInt(size))
  }

  /**
   * @param {number} file
   * @param {Uint8Array} bytes the next ones
   * @returns {boolean} the header is complete
   */
  feedHeader(file, bytes) {
    const m = this.module
    let done = false
    m.feed(bytes, (ptr, length) => {
      this.#do('feed_header', file, ptr, length, m.out(0), m.out(1))
      done = m.outU32(1) !== 0
      return !done
    })
    return done
  }

  /** @param {number} file */
  endHeader(file) {
    this.#do('end_header', file)
  }

  splitCount() {
    return this.module.call('sotto_engine_split_count', this.ptr)
  }

  /** @returns {MemoryPlanNumbers} */
  plan() {
    this.#do('plan', this.#structs.plan.ptr)
    return this.#plan()
  }

  /**
   * Makes room for a prompt that is computed while weights arrive.
   * @param {number} tokens
   * @returns {MemoryPlanNumbers}
   */
  planPrefill(tokens) {
    this.#do('plan_prefill', tokens, this.#structs.plan.ptr)
    return this.#plan()
  }

  /**
   * A plan with as much of n_ctx as fits, and another KV cache.
   * @param {number} typeK SOTTO_CACHE_…
   * @param {number} typeV
   * @returns {MemoryPlanNumbers | undefined} undefined: the model's heads do not take these types
   */
  planFitting(typeK, typeV) {
    const { ptr } = this.#structs.plan
    const status = this.module.call('sotto_engine_plan_fitting', this.ptr, typeK, typeV, ptr)
    return status === 0 ? this.#plan() : undefined
  }

  #plan() {
    const { fits, ...numbers } = this.#structs.plan.numbers()
    return /** @type {MemoryPlanNumbers} */ ({ ...numbers, fits: fits === 1 })
  }

  /** The engine's last message, where no call has failed. */
  message() {
    return this.module.string(this.module.call('sotto_engine_message', this.ptr))
  }

  info() {
    const { info } = this.#structs
    this.#do('info', info.ptr)
    this.#shape = info.numbers()
    return infoOf(this, info)
  }

  variant() {
    return this.module.string(this.module.call('sotto_engine_variant', this.ptr))
  }

  /** How many compute, once loading has started. */
  threads() {
    return this.module.call('sotto_engine_n_threads', this.ptr)
  }

  /** @param {MemoryPlan} plan */
  startLoad(plan) {
    const m = this.module
    m.check(m.call('sotto_engine_start_load', this.ptr), this.ptr, { plan })
    this.gpu?.start()
  }

  /**
   * @param {number} maxLength
   * @param {'file' | 'program'} order that of the files, or that in which weights are needed
   * @returns {Range | undefined}
   */
  nextRange(maxLength, order) {
    const next = order === 'file' ? 'next_file_range' : 'next_range'
    this.#do(next, BigInt(maxLength), this.#structs.range.ptr)
    const range = this.#range()
    return range.length ? range : undefined
  }

  /** @param {number} file */
  streamRange(file) {
    this.#do('stream_range', file, this.#structs.range.ptr)
    return this.#range()
  }

  /** @returns {Range} */
  #range() {
    return /** @type {any} */ (this.#structs.range.numbers())
  }

  /** @param {number} file @param {number} offset @param {Uint8Array} bytes */
  feed(file, offset, bytes) {
    this.module.feed(bytes, (ptr, length, done) => {
      this.#do('feed', file, BigInt(offset + done), ptr, length)
      this.gpu?.flush()
    })
  }

  progress() {
    const m = this.module
    m.call('sotto_engine_load_progress', this.ptr, m.out(0), m.out(1))
    return { loaded: m.outU64(0), total: m.outU64(1) }
  }

  // ---- text ----

  /** @param {boolean} asJson @returns {string} */
  describe(asJson) {
    return this.#text('describe', asJson ? 1 : 0)
  }

  printProgram() {
    return this.#text('print_program')
  }

  /** @param {string} text @param {{ add_special: boolean, parse_special: boolean }} options */
  tokenize(text, options) {
    const m = this.module
    const flags =
      (options.add_special ? m.constant('TOKENIZE_ADD_SPECIAL') : 0) |
      (options.parse_special ? m.constant('TOKENIZE_PARSE_SPECIAL') : 0)
    return m.withText(text, (ptr, length) => {
      this.#do('tokenize', ptr, length, flags, m.out(0), m.out(1))
      return m.i32s(m.outU32(0), m.outU32(1))
    })
  }

  /**
   * @param {Int32Array} ids
   * @param {{ special?: boolean, whole?: boolean, bytes?: boolean }} options whole: a text from its
   *   start; bytes: the tokens' own, of half a character too
   * @returns {Uint8Array} UTF-8, unless the tokens' own bytes are asked for
   */
  detokenize(ids, options) {
    const m = this.module
    const flags =
      (options.special ? m.constant('DETOKENIZE_SPECIAL') : 0) |
      (options.whole ? m.constant('DETOKENIZE_WHOLE') : 0) |
      (options.bytes ? m.constant('DETOKENIZE_BYTES') : 0)
    return m.withBytes(bytesOf(ids), (ptr) => {
      this.#do('detokenize', ptr, ids.length, flags, m.out(0), m.out(1))
      return m.bytes(m.outU32(0), m.outU32(1))
    })
  }

  /** @param {ChatTemplateInput} input */
  applyChatTemplate({ json, now }) {
    const m = this.module
    return m.withText(json, (ptr, length) => {
      const outs = [0, 1, 2, 3].map((index) => m.out(index))
      this.#do('apply_chat_template', ptr, length, BigInt(now), ...outs)
      const tokens = m.i32s(m.outU32(0), m.outU32(1))
      return { tokens, text: m.text(m.outU32(2), m.outU32(3)) }
    })
  }

  // ---- generation ----

  /**
   * @param {Int32Array} tokens
   * @param {CoreRequest} request
   * @returns {number} its id in the engine
   */
  addRequest(tokens, request) {
    return withRequest(this.module, tokens, request, (ptr) => {
      this.#do('add_request', ptr, this.module.out(0))
      return this.module.outU32(0)
    })
  }

  /** @param {number} id */
  cancel(id) {
    this.#do('cancel', id)
    this.gpu?.flush()
  }

  /** @param {number} id @returns {number} prompt tokens that are computed, in whole ones */
  promptProgress(id) {
    this.#do('prompt_progress', id, this.module.out(0))
    return this.module.outU32(0)
  }

  /** @param {number} budgetMs @returns {number} one of SOTTO_STEP_… */
  step(budgetMs) {
    if (this.gpu?.failure) return this.module.constant('STEP_WAIT_GPU')
    const result = this.module.call('sotto_engine_step', this.ptr, budgetMs)
    this.gpu?.flush()
    return result
  }

  /** @returns {(EngineEvent & { request: number }) | undefined} */
  nextEvent() {
    const { event } = this.#structs
    if (!this.module.call('sotto_engine_next_event', this.ptr, event.ptr)) return undefined
    return eventOf(this, event, this.#shape, this.#finishReasons)
  }

  // ---- state ----

  /**
   * @param {Int32Array} tokens
   * @returns {Uint8Array<ArrayBuffer> | undefined} undefined: it is on its way from the GPU
   */
  saveState(tokens) {
    const m = this.module
    return m.withBytes(bytesOf(tokens), (ptr) => {
      this.#do('save_state', ptr, tokens.length, m.out(0), m.out(1))
      this.gpu?.flush()
      return m.outU32(0) ? m.bytes(m.outU32(0), m.outU32(1)) : undefined
    })
  }

  /** @param {Uint8Array} data @returns {number} tokens in it */
  loadState(data) {
    const m = this.module
    return m.withBytes(data, (ptr, length) => {
      this.#do('load_state', ptr, length, m.out(0))
      this.gpu?.flush()
      return m.outU32(0)
    })
  }

  clearCache() {
    this.module.call('sotto_engine_clear_cache', this.ptr)
  }

  memory() {
    const m = this.module
    const bytes = (/** @type {string} */ name) =>
      Number(m.call(`sotto_engine_bytes_${name}`, this.ptr))
    const gpu = this.gpu?.bytes() ?? 0
    return { in_use: bytes('in_use'), peak: bytes('peak'), module: m.memoryBytes, gpu }
  }

  free() {
    this.module.call('sotto_engine_free', this.ptr)
    this.ptr = 0
  }

  /** @param {string} name @param {...number} args */
  #text(name, ...args) {
    const m = this.module
    this.#do(name, ...args, m.out(0), m.out(1))
    return m.text(m.outU32(0), m.outU32(1))
  }

  /** @param {string} name @param {...(number | bigint)} args */
  #do(name, ...args) {
    this.module.check(this.module.call(`sotto_engine_${name}`, this.ptr, ...args), this.ptr)
  }
}
