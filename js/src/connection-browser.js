// A Web Worker as a port: for the library and its engine's worker, and for that and its threads.

/** @import { WorkerPort } from './connection.js' */

/**
 * @param {Worker} worker
 * @param {string} [url] for messages
 * @returns {WorkerPort}
 */
export const webWorkerPort = (worker, url = '') => ({
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
  terminate: async () => worker.terminate(),
  hold: () => {},
})
