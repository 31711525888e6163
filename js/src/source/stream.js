// A ReadableStream: bytes in file order, once, of unknown number.
import { asBytes, readError } from './source.js'

/** @import { OpenableSource } from './source.js' */

/**
 * @param {ReadableStream} stream locked from now on, cancelled when loading ends early
 * @returns {OpenableSource}
 */
export function streamSource(stream) {
  const reader = stream.getReader()
  return {
    name: 'stream',
    supportsRanges: false,
    once: true,
    async open() {},
    async *read(_offset, _length, signal) {
      try {
        for (;;) {
          const { done, value } = await reader.read()
          if (done) return
          yield asBytes(value, 'stream')
        }
      } catch (error) {
        throw readError('stream', error, signal)
      }
    },
    close: () => reader.cancel().catch(() => {}),
  }
}
