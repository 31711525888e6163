// Reading what lies in whole segments.
import { SEGMENT_BYTES } from './manifest.js'

/** @import { Folder } from './storage.js' */

/**
 * @param {Folder} folder
 * @param {number} start
 * @param {number} end
 * @param {AbortSignal} signal
 * @returns {AsyncGenerator<Uint8Array>} pieces are good until the next is asked for
 */
export async function* readSegments(folder, start, end, signal) {
  for (let at = start; at < end; ) {
    const index = Math.floor(at / SEGMENT_BYTES)
    const first = index * SEGMENT_BYTES
    const stop = Math.min(end, first + SEGMENT_BYTES)
    for await (const piece of folder.readSegment(index, at - first, stop - first, signal)) {
      at += piece.length
      yield piece
    }
    if (at < stop) throw new Error(`segment ${index} is shorter than it was`)
  }
}
