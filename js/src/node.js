// The library's entry in Node.js.
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { makeLoadModel } from './load.js'

/** @import { TransferListItem } from 'node:worker_threads' */
/** @import { WorkerPort } from './connection.js' */

export { Engine } from './engine.js'
export { ERROR_CODES, SottoError } from './errors.js'
export * from './types.js'

/**
 * @param {string | undefined} url
 * @returns {WorkerPort}
 */
function startWorker(url) {
  const file = new URL(url ?? './worker/node.js', import.meta.url)
  const worker = new Worker(file, { name: 'sotto', execArgv: [], stdin: false })
  worker.unref()
  let terminated = false
  return {
    post: (message, transfer = []) =>
      worker.postMessage(message, /** @type {TransferListItem[]} */ (transfer)),
    listen({ onMessage, onFailure }) {
      worker.on('message', onMessage)
      worker.on('messageerror', onFailure)
      worker.on('error', onFailure)
      worker.on('exit', (code) => {
        if (!terminated) onFailure(new Error(`it ended with exit code ${code}`))
      })
    },
    async terminate() {
      terminated = true
      worker.ref() // its end is worth waiting for
      await worker.terminate()
    },
    hold(hold) {
      if (hold) worker.ref()
      else if (!terminated) worker.unref()
    },
  }
}

/**
 * A string is a path unless it begins with http:, https:, data: or file:.
 * @param {string} text
 * @returns {{ kind: 'url', url: string } | { kind: 'path', path: string }}
 */
function locate(text) {
  if (/^(https?|data):/i.test(text)) return { kind: 'url', url: text }
  return { kind: 'path', path: /^file:/i.test(text) ? fileURLToPath(text) : text }
}

/**
 * Loads a model into a worker thread of its own and resolves when it is ready to answer.
 * @type {import('./load.js').LoadModel}
 */
export const loadModel = makeLoadModel({ startWorker, locate, blobsTravel: false })
