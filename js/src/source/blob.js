// A File or Blob: a file that the user picked, a drop, an entry of a cache.
import { readError } from './source.js'

/** @import { OpenableSource } from './source.js' */

/**
 * @param {Blob} blob
 * @returns {OpenableSource}
 */
export function blobSource(blob) {
  const name = 'name' in blob && blob.name ? String(blob.name) : 'blob'
  return {
    name,
    size: blob.size,
    supportsRanges: true,
    async open() {},
    async *read(offset, length, signal) {
      try {
        const end = Math.min(offset + length, blob.size)
        yield new Uint8Array(await blob.slice(offset, end).arrayBuffer())
      } catch (error) {
        throw readError(name, error, signal) // the file may have changed or gone
      }
    },
    close() {},
  }
}
