// A file by its path, in Node.js.
import { open } from 'node:fs/promises'
import { basename } from 'node:path'
import { BUFFER, LONG_RANGE, readError } from './source.js'
import { makeValidator } from './validator.js'

/** @import { FileHandle } from 'node:fs/promises' */
/** @import { OpenableSource } from './source.js' */

/**
 * @param {string} path
 * @returns {OpenableSource}
 */
export function fileSource(path) {
  const name = basename(path)
  /** @type {FileHandle | undefined} */
  let handle
  return {
    name,
    size: undefined,
    supportsRanges: true,
    once: false,
    validator: undefined,
    rangeLength: LONG_RANGE,
    async open() {
      try {
        handle = await open(path)
        const info = await handle.stat()
        if (info.isDirectory()) throw new Error('is a directory')
        // A pipe or a device has no size and no offsets.
        this.supportsRanges = info.isFile()
        this.once = !info.isFile()
        this.size = info.isFile() ? info.size : undefined
        this.validator = makeValidator({ lastModified: String(info.mtimeMs), size: this.size })
      } catch (error) {
        await this.close()
        throw readError(path, error)
      }
    },
    async *read(offset, length, signal) {
      const opened = handle
      if (!opened) throw new Error('read before open')
      const buffer = new Uint8Array(Math.min(length, BUFFER))
      const end = offset + length
      try {
        for (let at = offset; at < end; ) {
          signal.throwIfAborted()
          const want = Math.min(buffer.length, end - at)
          const position = this.supportsRanges ? at : null
          const { bytesRead } = await opened.read(buffer, 0, want, position)
          if (bytesRead === 0) return
          yield buffer.subarray(0, bytesRead)
          at += bytesRead
        }
      } catch (error) {
        throw readError(path, error, signal)
      }
    },
    async close() {
      await handle?.close()
      handle = undefined
    },
  }
}
