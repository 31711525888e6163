// The cache in browsers: the origin's private file system. Segments are written in workers only,
// where files can be written at once; all else works on pages, too.
import { SottoError } from '../errors.js'
import { ByteReader } from '../source/byte-reader.js'
import { BUFFER } from '../source/source.js'

/** @import { Folder, Storage, Writable } from './storage.js' */

const ROOT = 'sotto-cache'
const LOCK = 'sotto-cache:'
const OPEN_MS = 5000
const RETRY_MS = 50
const READS = 10 // of a text that others write
const segmentName = (/** @type {number} */ index) => `${String(index).padStart(5, '0')}.segment`
const isMissing = (/** @type {unknown} */ error) =>
  error instanceof DOMException && error.name === 'NotFoundError'

/** Whether there is one: in secure contexts only. Private windows may refuse later. */
export const hasOpfs = () =>
  'storage' in navigator && 'getDirectory' in navigator.storage && 'locks' in navigator

/** @param {unknown} cause @returns {never} */
function refused(cause) {
  const text = cause instanceof Error ? cause.message : String(cause)
  const refusal = 'The browser refuses its private file system, as some do in private windows'
  throw new SottoError('cache_unavailable', `${refusal}: ${text}`, { cause })
}

/** @returns {Promise<FileSystemDirectoryHandle>} */
async function root() {
  const origin = await navigator.storage.getDirectory().catch(refused)
  return origin.getDirectoryHandle(ROOT, { create: true })
}

/** @returns {Storage} */
export const opfsStorage = () => ({
  async keys() {
    const keys = []
    for await (const [name, handle] of /** @type {any} */ (await root()).entries()) {
      if (handle.kind === 'directory') keys.push(name)
    }
    return keys
  },
  async folder(key, make) {
    try {
      return opfsFolder(await (await root()).getDirectoryHandle(key, { create: make }))
    } catch (error) {
      if (!make && isMissing(error)) return undefined
      throw error
    }
  },
  async remove(key) {
    const directory = await root()
    await whenFree(() => directory.removeEntry(key, { recursive: true })).catch((error) => {
      if (!isMissing(error)) throw error
    })
  },
  async estimate() {
    const { usage = 0, quota = 0 } = await navigator.storage.estimate()
    return { usage, quota }
  },
  persist: async () => (await navigator.storage.persist?.()) ?? false,
  lock: (key, { wait, signal }) =>
    new Promise((resolve, reject) => {
      const options = wait ? { signal } : { ifAvailable: true }
      const hold = (/** @type {Lock | null} */ lock) =>
        lock
          ? new Promise((release) => resolve({ release: () => release(undefined) }))
          : resolve(undefined)
      navigator.locks.request(LOCK + key, options, hold).catch(reject)
    }),
})

/**
 * @param {FileSystemDirectoryHandle} directory
 * @returns {Folder}
 */
const opfsFolder = (directory) => ({
  async readText(name) {
    for (let attempt = 1; ; attempt++) {
      try {
        return await (await (await directory.getFileHandle(name)).getFile()).text()
      } catch (error) {
        if (isMissing(error)) return undefined
        // Somebody has just written it, which happens rarely: the next attempt will succeed.
        const isStale = error instanceof DOMException && error.name === 'NotReadableError'
        if (!isStale || attempt === READS) throw error
      }
    }
  },
  async writeText(name, text) {
    const file = await openFile(directory, name)
    try {
      const bytes = new TextEncoder().encode(text)
      file.truncate(0)
      writeAll(file, 0, bytes)
      file.flush()
    } finally {
      file.close()
    }
  },
  async segmentSize(index) {
    try {
      return (await (await directory.getFileHandle(segmentName(index))).getFile()).size
    } catch (error) {
      if (isMissing(error)) return 0
      throw error
    }
  },
  async openSegment(index) {
    const file = await openFile(directory, segmentName(index))
    return /** @type {Writable} */ ({
      write: (at, bytes) => writeAll(file, at, bytes),
      read: (at, bytes) => file.read(bytes, { at }),
      flush: () => file.flush(),
      close: () => file.close(),
    })
  },
  async *readSegment(index, start, end, signal) {
    const handle = await directory.getFileHandle(segmentName(index))
    const file = await openToRead(handle)
    if (!file) return yield* streamed(await handle.getFile(), start, end, signal)
    const buffer = new Uint8Array(Math.min(BUFFER, end - start))
    try {
      for (let at = start; at < end; ) {
        signal.throwIfAborted()
        const n = file.read(buffer.subarray(0, end - at), { at })
        if (n === 0) return
        yield buffer.subarray(0, n)
        at += n
      }
    } finally {
      file.close()
    }
  },
})

/**
 * @param {File} file
 * @param {number} start
 * @param {number} end
 * @param {AbortSignal} signal
 */
async function* streamed(file, start, end, signal) {
  const bytes = new ByteReader(file.slice(start, end).stream())
  try {
    for (let at = start; at < end; ) {
      const piece = await bytes.read(end - at)
      if (!piece) return
      signal.throwIfAborted()
      at += piece.length
      yield piece
    }
  } finally {
    bytes.cancel()
  }
}

/**
 * @typedef {object} SyncFile
 * @property {(bytes: Uint8Array, options: { at: number }) => number} write
 * @property {(bytes: Uint8Array, options: { at: number }) => number} read
 * @property {(size: number) => void} truncate
 * @property {() => void} flush
 * @property {() => void} close
 */

/**
 * @param {FileSystemDirectoryHandle} directory
 * @param {string} name
 * @returns {Promise<SyncFile>}
 */
async function openFile(directory, name) {
  const handle = await directory.getFileHandle(name, { create: true })
  return whenFree(() => openSync(handle))
}

/**
 * A tab that reads, or that has just ended, keeps its files open a little longer than its lock.
 * @template T
 * @param {() => Promise<T>} work
 */
async function whenFree(work) {
  const end = performance.now() + OPEN_MS
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (!isHeld(error) || performance.now() > end) throw error
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
    }
  }
}

/** @param {unknown} error */
const isHeld = (error) =>
  error instanceof DOMException && error.name === 'NoModificationAllowedError'

let canOpenToRead = true

/**
 * A file opened for synchronous reading, which is more than ten times as fast as a stream.
 * Undefined if somebody else has it open and the browser lets only one, and in browsers that cannot
 * open files for reading alone.
 * @param {FileSystemFileHandle} handle
 */
async function openToRead(handle) {
  if (!canOpenToRead) return undefined
  try {
    return await openSync(handle, { mode: 'read-only' })
  } catch (error) {
    if (!isHeld(error)) canOpenToRead = false
    return undefined
  }
}

/**
 * In private windows Chromium 156 sometimes never answers.
 * @param {FileSystemFileHandle} handle
 * @param {{ mode?: string }} [options]
 * @returns {Promise<SyncFile>}
 */
async function openSync(handle, options) {
  /** @type {Promise<SyncFile>} */
  const opening = /** @type {any} */ (handle).createSyncAccessHandle(options)
  let isLate = false
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer
  const late = new Promise((_, reject) => {
    const text = `the browser has not opened ${handle.name} for ${OPEN_MS / 1000} s`
    timer = setTimeout(() => {
      isLate = true
      reject(new Error(text))
    }, OPEN_MS)
  })
  opening.then(
    (file) => isLate && file.close(),
    () => {},
  )
  try {
    return await Promise.race([opening, late])
  } finally {
    clearTimeout(timer)
  }
}

/**
 * @param {SyncFile} file
 * @param {number} at
 * @param {Uint8Array} bytes
 */
function writeAll(file, at, bytes) {
  const written = file.write(bytes, { at })
  if (written < bytes.length) throw new DOMException('The disk is full', 'QuotaExceededError')
}
