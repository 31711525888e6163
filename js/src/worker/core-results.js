// sotto_model_info and sotto_event as plain objects; what they point to is copied.

/** @import { EngineEvent } from '../protocol.js' */
/** @import { ModelInfo } from '../types.js' */
/** @import { CoreEngine } from './core-engine.js' */
/** @import { CoreModule } from './core-module.js' */
/** @import { StructView } from './layout.js' */

/**
 * What the core knows of it.
 * @typedef {Omit<ModelInfo, 'n_threads' | 'n_threads_reason' | 'load_ms'>} CoreInfo
 */

/**
 * @param {CoreEngine} engine
 * @param {StructView} info
 * @returns {CoreInfo}
 */
export function infoOf({ module, ptr }, info) {
  const { has_chat_template, pooling, ...numbers } = info.numbers()
  const text = (/** @type {string} */ field) => module.string(info.get(field))
  return /** @type {CoreInfo} */ ({
    architecture: text('architecture'),
    name: text('name'),
    ...numbers,
    has_chat_template: has_chat_template === 1,
    pooling: ['none', 'mean', 'cls', 'last'][pooling],
    warnings: warnings(module, ptr),
  })
}

/**
 * What may be wrong with the model and does not keep it from running.
 * @param {CoreModule} module
 * @param {number} engine
 */
function warnings(module, engine) {
  const texts = []
  for (let i = 0; ; i++) {
    const text = module.call('sotto_engine_warning', engine, i)
    if (text === 0) return texts
    texts.push(module.string(text))
  }
}

/**
 * Words for FINISH_… by their numbers.
 * @param {CoreModule} module
 */
export function finishReasons(module) {
  /** @type {string[]} */
  const reasons = []
  for (const reason of ['none', 'stop', 'length', 'cancelled', 'error']) {
    reasons[module.constant(`FINISH_${reason.toUpperCase()}`)] = reason
  }
  return reasons
}

/**
 * @param {CoreEngine} engine
 * @param {StructView} event
 * @param {Record<string, number>} shape of the model
 * @param {string[]} reasons
 * @returns {EngineEvent & { request: number }}
 */
export function eventOf(engine, event, shape, reasons) {
  const m = engine.module
  const e = event.numbers()
  const [logits, embedding] = ['logits', 'embedding'].map((field) => event.get(field))
  const tops = event.get('top_logprobs')
  const finish_reason = reasons[e.finish_reason] ?? 'none'
  return /** @type {any} */ ({
    ...e,
    finish_reason,
    text: m.text(event.get('text'), e.text_len),
    top_logprobs: Array.from({ length: e.n_top_logprobs }, (_, index) => top(m, tops, index)),
    logits: logits ? m.f32s(logits, shape.n_vocab) : undefined,
    embedding: embedding ? m.f32s(embedding, shape.n_embd) : undefined,
    error: finish_reason === 'error' ? errorOf(engine, e.status) : undefined,
  })
}

/** @param {CoreModule} module @param {number} tops @param {number} index */
function top(module, tops, index) {
  const struct = module.structAt('top_logprob', tops)
  struct.ptr += index * struct.size
  return { token: struct.get('token'), logprob: struct.get('logprob') }
}

/** @param {CoreEngine} engine @param {number} status */
function errorOf(engine, status) {
  return { code: engine.module.code(status), message: engine.message() }
}
