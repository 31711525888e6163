// A Web Worker as a port: for the library and its engine's worker, and for that and its threads.

/** @import { WorkerPort } from './connection.js' */

/**
 * Workers that have not been ended. Firefox 153 ends one by itself when it is waiting and nothing leads to it
 * but the promise that it would settle.
 * @type {Set<Worker>}
 */
const alive = new Set()

/**
 * @param {Worker} worker
 * @param {string} [url] for messages
 * @returns {WorkerPort}
 */
export function webWorkerPort(worker, url = '') {
  alive.add(worker)
  return {
    post: (message, transfer = []) => worker.postMessage(message, transfer),
    listen({ onMessage, onFailure }) {
      worker.onmessage = ({ data }) => onMessage(data)
      worker.onmessageerror = () => onFailure(new Error('a message could not be read'))
      worker.onerror = (event) => {
        event.preventDefault()
        // Without a message the file itself could not be loaded.
        onFailure(new Error(event.message || `cannot load its file ${url}`.trim()))
      }
    },
    async terminate() {
      alive.delete(worker)
      worker.terminate()
    },
    hold: () => {},
  }
}
