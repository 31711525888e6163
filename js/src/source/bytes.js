// A model that is in memory already.
import { asBytes, pieces } from './source.js'

/** @import { OpenableSource } from './source.js' */

/**
 * @param {ArrayBuffer | SharedArrayBuffer | ArrayBufferView} data not copied as a whole
 * @returns {OpenableSource}
 */
export function bytesSource(data) {
  const bytes = asBytes(data, 'bytes')
  return {
    name: 'bytes',
    size: bytes.length,
    supportsRanges: true,
    async open() {},
    async *read(offset, length) {
      yield* pieces(bytes.subarray(offset, Math.min(offset + length, bytes.length)))
    },
    close() {},
  }
}
