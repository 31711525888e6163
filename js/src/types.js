// The types that callers see. No code.

export * from './types/loading.js'
export * from './types/replies.js'
export * from './types/requests.js'

/** @typedef {import('./source/source.js').ModelSource} ModelSource */
/** @typedef {import('./errors.js').SottoErrorCode} SottoErrorCode */
/** @typedef {import('./errors.js').SottoError} SottoError */
/**
 * @template Chunk
 * @typedef {import('./api/reply.js').CompletionStream<Chunk>} CompletionStream
 */
