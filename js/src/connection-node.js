// A worker thread as a port: for the library and its engine's worker, and for that and its threads.
import { Worker } from 'node:worker_threads'

/** @import { TransferListItem } from 'node:worker_threads' */
/** @import { WorkerPort } from './connection.js' */

/**
 * Idle at first: it does not keep the process alive.
 * @param {URL} file
 * @param {string} name
 * @param {any} [workerData]
 * @returns {WorkerPort}
 */
export function startWorkerThread(file, name, workerData) {
  const worker = new Worker(file, { name, workerData, execArgv: [], stdin: false })
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
