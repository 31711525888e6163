// Every error that the library throws on purpose: one class, one table of codes. The codes of
// the core are those of src/base/status.def; the rest is JavaScript's own. Aborting is not in the
// table: it rejects with the signal's reason, an AbortError unless the caller chose another.

/**
 * What each code means and what to do next. Tests hold the core's own list and the README's table
 * against this one.
 */
export const ERROR_CODES = Object.freeze({
  out_of_memory: 'The host refused memory. Use a smaller n_ctx or a smaller model.',
  invalid_argument:
    'A parameter is unknown, of the wrong type or out of range; details.field names it.',
  truncated_file: 'The file ends before the model does. Fetch it again.',
  invalid_model: 'The file is not GGUF, or contradicts itself.',
  unsupported_architecture: 'The model has an architecture that this version does not run.',
  unsupported_type: 'A tensor has a data type that this version does not read.',
  unsupported_tokenizer: 'The model has a tokenizer that this version does not know.',
  non_finite_weights: 'A weight is NaN or infinite: the file is damaged.',
  non_finite_logits: 'The model computed NaN or infinity for this request.',
  memory_budget_exceeded: 'The memory plan is over the budget; details.plan has the numbers.',
  context_length_exceeded: 'The prompt does not fit the context. Shorten it or raise n_ctx.',
  invalid_template: 'The chat template cannot be parsed. Pass another as chat_template.',
  template_raised: 'The chat template refused these messages; the message is its own.',
  invalid_json: 'JSON handed to the core is malformed.',
  invalid_state: 'The call does not fit the state, or a saved state does not fit the model.',
  busy: 'Too many requests are waiting. Try again when one has ended.',
  cancelled: 'The request was cancelled.',
  gpu_lost:
    'The GPU went away, and nothing could take its place. As a warning: what goes on, and where.',
  gpu_unavailable: 'There is no GPU that may be used; the message says why. Use backend "cpu".',
  io_error: 'Reading the model failed; details and cause say where.',
  hash_mismatch:
    'The file is not the one whose sha256 was stated. Load it again, or check the hash.',
  not_cached: 'The model is not in the cache, and the network was not to be asked.',
  cache_unavailable: 'A warning: storage was refused or failed, and loading went on without it.',
  cache_full: 'A warning: storage is full, and loading went on without it. Delete cached models.',
  module_trapped: 'A warning: WebKit trapped in the module, and a second try was made.',
  source_changed: 'The file changed on the server while it was read. Load it again.',
  internal_error: 'A fault of the library. Please report it.',
  disposed: 'The engine has been disposed.',
  worker_failed: 'The worker could not start, or crashed (details.stack). Load the model again.',
  unsupported_environment: 'This browser or runtime lacks WebAssembly SIMD or workers.',
  version_mismatch:
    'Library, worker and module come from different versions. Deploy them together.',
})

/** @typedef {keyof typeof ERROR_CODES} SottoErrorCode */

/** An error with a stable `code`, and in `details` what a program may want to know. */
export class SottoError extends Error {
  /**
   * @param {SottoErrorCode} code
   * @param {string} message
   * @param {{ cause?: unknown, details?: Record<string, any> }} [more]
   */
  constructor(code, message, more = {}) {
    super(message, 'cause' in more ? { cause: more.cause } : undefined)
    this.name = 'SottoError'
    /** @type {SottoErrorCode} */
    this.code = code
    /** @type {Record<string, any>} */
    this.details = more.details ?? {}
  }
}

/**
 * @param {string} field
 * @param {string} message what is wrong with it
 */
export const invalidArgument = (field, message) =>
  new SottoError('invalid_argument', `${field}: ${message}`, { details: { field } })

/**
 * What code with a copy of this file of its own has thrown (gpu/gpu.js in browsers), as ours.
 * @param {unknown} error
 */
export function adopted(error) {
  if (error instanceof SottoError) return error
  const { code = 'internal_error', message, details } = /** @type {SottoError} */ (error)
  return new SottoError(code, message ?? String(error), { details, cause: error })
}

/** @param {unknown} error */
export const isAbort = (error) => error instanceof Error && error.name === 'AbortError'

/** The error of a cancelled operation. */
export const abortError = (message = 'The operation was aborted') =>
  new DOMException(message, 'AbortError')

/**
 * @typedef {{ code: SottoErrorCode, message: string, details: Record<string, any>,
 *   cause?: string }} ErrorMessage
 */

/**
 * Errors cross to and from the worker as plain data.
 * @param {unknown} error
 * @returns {ErrorMessage}
 */
export function packError(error) {
  if (error instanceof SottoError) {
    const { code, message, details, cause } = error
    return { code, message, details, cause: cause === undefined ? undefined : String(cause) }
  }
  if (isAbort(error)) return { code: 'cancelled', message: String(error), details: {} }
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return { code: 'internal_error', message: text, details: {} }
}

/** @param {ErrorMessage} message */
export function unpackError({ code, message, details, cause }) {
  return new SottoError(code, message, cause === undefined ? { details } : { details, cause })
}
