// A File or Blob: a file that the user picked, a drop, an entry of a cache.
import { ByteReader } from './byte-reader.js'
import { LONG_RANGE, readError } from './source.js'

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
    rangeLength: LONG_RANGE,
    async open() {},
    async *read(offset, length, signal) {
      const bytes = new ByteReader(
        blob.slice(offset, Math.min(offset + length, blob.size)).stream(),
      )
      try {
        for (;;) {
          const piece = await bytes.read(Infinity)
          if (!piece) return
          signal.throwIfAborted()
          yield piece
        }
      } catch (error) {
        throw readError(name, error, signal) // the file may have changed or gone
      } finally {
        bytes.cancel()
      }
    },
    close() {},
  }
}
