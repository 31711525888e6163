// The cache in browsers: the origin's private file system. Segments are written in workers only, where
// files can be written at once; all else works on pages, too.
import { ByteReader } from '../source/byte-reader.js'

/** @import { Folder, Storage, Writable } from './storage.js' */

const ROOT = 'sotto-cache'
const LOCK = 'sotto-cache:'
const OPEN_MS = 5000
const RETRY_MS = 50
const segmentName = (/** @type {number} */ index) => `${String(index).padStart(5, '0')}.segment`
const isMissing = (/** @type {unknown} */ error) =>
  error instanceof DOMException && error.name === 'NotFoundError'

/** Whether there is one: in secure contexts only. Private windows may refuse later. */
export const hasOpfs = () =>
  'storage' in navigator && 'getDirectory' in navigator.storage && 'locks' in navigator

/** @returns {Promise<FileSystemDirectoryHandle>} */
async function root() {
  const origin = await navigator.storage.getDirectory()
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
    await (await root()).removeEntry(key, { recursive: true }).catch((error) => {
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
    try {
      return await (await (await directory.getFileHandle(name)).getFile()).text()
    } catch (error) {
      if (isMissing(error)) return undefined
      throw error
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
    const file = await (await directory.getFileHandle(segmentName(index))).getFile()
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
  },
})

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
  const end = performance.now() + OPEN_MS
  for (;;) {
    try {
      return await within(/** @type {any} */ (handle).createSyncAccessHandle(), name)
    } catch (error) {
      // A worker that has ended gives its lock back a moment before its files.
      const isHeld = error instanceof DOMException && error.name === 'NoModificationAllowedError'
      if (!isHeld || performance.now() > end) throw error
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
    }
  }
}

/**
 * In private windows Chromium 156 sometimes never answers.
 * @param {Promise<SyncFile>} opening
 * @param {string} name
 */
async function within(opening, name) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer
  const late = new Promise((_, reject) => {
    const text = `the browser has not opened ${name} for ${OPEN_MS / 1000} s`
    timer = setTimeout(() => reject(new Error(text)), OPEN_MS)
  })
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
