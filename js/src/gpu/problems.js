// What goes wrong on a GPU, as errors of the library.
import { SottoError } from '../errors.js'

/** @param {string} text @param {unknown} [cause] */
export const internal = (text, cause) =>
  new SottoError('internal_error', text, cause === undefined ? {} : { cause })

/** @param {string} why */
export const lost = (why) =>
  new SottoError('gpu_lost', `The GPU is gone: ${why || 'unknown reason'}`)

/**
 * @param {string} what was to be made
 * @param {{ size: number, inUse: number }} [bytes]
 */
export function outOfMemory(what, bytes) {
  const megabytes = (/** @type {number} */ n) => `${Math.ceil(n / 1e6)} MB`
  const numbers = bytes && `: ${megabytes(bytes.size)} beside ${megabytes(bytes.inUse)} in use`
  return new SottoError('out_of_memory', `The GPU has no memory left for ${what}${numbers ?? ''}`, {
    details: bytes && { gpu_bytes: bytes.size, gpu_bytes_in_use: bytes.inUse },
  })
}

/** @param {GPUError} error that no scope caught */
export const uncaptured = (error) =>
  error.constructor.name === 'GPUOutOfMemoryError'
    ? outOfMemory(error.message || 'a command')
    : internal(`The GPU refused a command: ${error.message}`, error)
