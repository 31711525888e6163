// The cache in Node.js: a folder on disk.
import { closeSync, fdatasync, openSync, readSync, writeSync } from 'node:fs'
import { mkdir, open, readdir, readFile, rename, rm, stat, statfs } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { BUFFER } from '../source/source.js'
import { takeLock } from './lock-node.js'

/** @import { Folder, Storage } from './storage.js' */

const flush = promisify(fdatasync)
const segmentName = (/** @type {number} */ index) => `${String(index).padStart(5, '0')}.segment`
const isMissing = (/** @type {any} */ error) => error?.code === 'ENOENT'

/**
 * SOTTO_CACHE_DIR, which may be empty: no cache; else the folder that the system
 * has for such things.
 */
export function defaultCacheDir() {
  const { SOTTO_CACHE_DIR, XDG_CACHE_HOME, LOCALAPPDATA } = process.env
  if (SOTTO_CACHE_DIR !== undefined) return SOTTO_CACHE_DIR
  if (process.platform === 'win32' && LOCALAPPDATA) return join(LOCALAPPDATA, 'sotto', 'Cache')
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'sotto')
  return join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'sotto')
}

/**
 * @param {string} [directory]
 * @returns {Storage | undefined} undefined: there is to be none
 */
export function nodeStorage(directory = defaultCacheDir()) {
  if (!directory) return undefined
  return {
    async keys() {
      const names = await readdir(directory, { withFileTypes: true }).catch((error) => {
        if (isMissing(error)) return []
        throw error
      })
      return names.filter((entry) => entry.isDirectory()).map((entry) => entry.name)
    },
    async folder(key, make) {
      const path = join(directory, key)
      if (make) await mkdir(path, { recursive: true })
      const info = await stat(path).catch(() => undefined)
      return info?.isDirectory() ? nodeFolder(path) : undefined
    },
    remove: (key) => rm(join(directory, key), { recursive: true, force: true }),
    async estimate() {
      await mkdir(directory, { recursive: true })
      const { bavail, bsize } = await statfs(directory)
      let usage = 0
      for (const key of await this.keys()) usage += await folderBytes(join(directory, key))
      return { usage, quota: usage + bavail * bsize }
    },
    persist: async () => true,
    async lock(key, options) {
      await mkdir(directory, { recursive: true })
      // Locks go by the folder's device and number: several paths may lead to one folder,
      // and in another container the same path may be another folder.
      const { dev, ino } = await stat(directory, { bigint: true })
      return takeLock(`${dev} ${ino} ${key}`, options)
    },
  }
}

/** @param {string} path */
async function folderBytes(path) {
  let bytes = 0
  for (const name of await readdir(path)) bytes += (await stat(join(path, name))).size
  return bytes
}

/**
 * @param {string} path
 * @returns {Folder}
 */
const nodeFolder = (path) => ({
  async readText(name) {
    try {
      return await readFile(join(path, name), 'utf8')
    } catch (error) {
      if (isMissing(error)) return undefined
      throw error
    }
  },
  async writeText(name, text) {
    const whole = join(path, `${name}.new`)
    const handle = await open(whole, 'w')
    try {
      await handle.writeFile(text)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(whole, join(path, name))
  },
  async segmentSize(index) {
    const info = await stat(join(path, segmentName(index))).catch(() => undefined)
    return info?.size ?? 0
  },
  async openSegment(index) {
    const name = join(path, segmentName(index))
    const handle = openSync(name, (await this.segmentSize(index)) ? 'r+' : 'w+')
    return {
      write(at, bytes) {
        for (let done = 0; done < bytes.length; ) {
          done += writeSync(handle, bytes, done, bytes.length - done, at + done)
        }
      },
      read: (at, bytes) => readSync(handle, bytes, 0, bytes.length, at),
      flush: () => flush(handle),
      close: () => closeSync(handle),
    }
  },
  async *readSegment(index, start, end, signal) {
    const handle = await open(join(path, segmentName(index)))
    const buffer = new Uint8Array(Math.min(BUFFER, end - start))
    try {
      for (let at = start; at < end; ) {
        signal.throwIfAborted()
        const want = Math.min(buffer.length, end - at)
        const { bytesRead } = await handle.read(buffer, 0, want, at)
        if (bytesRead === 0) return
        yield buffer.subarray(0, bytesRead)
        at += bytesRead
      }
    } finally {
      await handle.close()
    }
  },
})
