// A lock that is free again as soon as its holder ends, be that a process or a worker thread:
// a local socket that the holder listens on. On Linux its name is abstract, on Windows it is that
// of a pipe, and neither lies on a disk. Elsewhere it is a file. A holder that died leaves that
// behind, but nobody answers at it, so that it is known to be free.
import { createHash } from 'node:crypto'
import { unlink } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** @import { Lock } from './storage.js' */

const RETRY_MS = 100

/** @param {string} what */
function socketName(what) {
  const hash = createHash('sha256').update(what).digest('hex').slice(0, 32)
  if (process.platform === 'linux') return `\0sotto-cache-${hash}`
  if (process.platform === 'win32') return `\\\\.\\pipe\\sotto-cache-${hash}`
  return join(tmpdir(), `sotto-cache-${hash}`)
}

/**
 * @param {string} what the same for all who compete
 * @param {{ wait: boolean, signal?: AbortSignal }} options
 * @returns {Promise<Lock | undefined>}
 */
export async function takeLock(what, { wait, signal }) {
  const name = socketName(what)
  for (;;) {
    const lock = await listen(name)
    if (lock) return lock
    if (await isLeftBehind(name)) await unlink(name).catch(() => {})
    else if (!wait) return undefined
    else await sleep(RETRY_MS, undefined, { signal })
  }
}

/**
 * @param {string} name
 * @returns {Promise<Lock | undefined>}
 */
const listen = (name) =>
  new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy())
    server.on('error', (/** @type {any} */ error) =>
      error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error),
    )
    server.listen(name, () => {
      server.unref()
      resolve({ release: () => void server.close() })
    })
  })

/** @param {string} name @returns {Promise<boolean>} */
const isLeftBehind = (name) =>
  new Promise((resolve) => {
    const socket = connect(name)
    socket.on('connect', () => {
      socket.destroy()
      resolve(false)
    })
    socket.on('error', (/** @type {any} */ error) => resolve(error.code === 'ECONNREFUSED'))
  })
