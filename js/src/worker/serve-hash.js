// The hashing worker: sha256 of a file's bytes in their order, some of which it reads from the
// cache, some of which it is sent. See cache/verify.js.
import { readSegments } from '../cache/segments.js'

/** @import { Folder, Storage } from '../cache/storage.js' */
/** @import { FromHasher, ToHasher } from '../cache/verify.js' */

/**
 * @typedef {{ add(bytes: Uint8Array): void, end(): string }} Hash end: the digest in hexadecimal
 */

/**
 * @param {Storage | undefined} storage
 * @param {() => Promise<Hash>} makeHash
 * @param {(message: FromHasher) => void} post
 * @returns {(message: ToHasher) => void} to be called with each message
 */
export function serveHash(storage, makeHash, post) {
  let at = 0
  /** @type {Folder | undefined} */
  let folder
  const never = new AbortController().signal

  /** @param {Hash} hash @param {ToHasher} message */
  async function take(hash, message) {
    if (message.type === 'end') return post({ type: 'digest', hex: hash.end() })
    if (message.type === 'bytes') {
      hash.add(message.data)
      at += message.data.length
      return post({ type: 'taken' })
    }
    folder ??= await storage?.folder(message.key, false)
    if (!folder) throw new Error('the cached file has gone')
    for await (const piece of readSegments(folder, at, message.end, never)) hash.add(piece)
    at = message.end
  }

  const made = makeHash()
  /** @type {Promise<unknown>} */
  let last = made
  const fail = (/** @type {unknown} */ error) =>
    post({ type: 'error', message: error instanceof Error ? error.message : String(error) })
  return (message) => {
    last = last.then(async () => take(await made, message))
    last.catch(fail)
  }
}
