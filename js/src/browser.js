// The library's entry in browsers.
import { makeLoadModel } from './load.js'

/** @import { WorkerPort } from './connection.js' */

export { Engine } from './engine.js'
export { ERROR_CODES, SottoError } from './errors.js'
export * from './types.js'

/**
 * Bundlers find the worker's file by this very expression.
 * @param {string | undefined} url
 */
const makeWorker = (url) =>
  url === undefined
    ? new Worker(new URL('./worker/browser.js', import.meta.url), { type: 'module' })
    : new Worker(url, { type: 'module' })

/**
 * @param {string | undefined} url
 * @returns {WorkerPort}
 */
function startWorker(url) {
  const worker = makeWorker(url)
  return {
    post: (message, transfer = []) => worker.postMessage(message, transfer),
    listen({ onMessage, onFailure }) {
      worker.onmessage = ({ data }) => onMessage(data)
      worker.onmessageerror = () => onFailure(new Error('a message could not be read'))
      worker.onerror = (event) => {
        event.preventDefault()
        // Without a message the file itself could not be loaded.
        onFailure(new Error(event.message || `cannot load its file ${url ?? ''}`.trim()))
      }
    },
    terminate: async () => worker.terminate(),
    hold: () => {},
  }
}

/**
 * Loads a model into a worker of its own and resolves when it is ready to answer.
 * @type {import('./load.js').LoadModel}
 */
export const loadModel = makeLoadModel({
  startWorker,
  locate: (text) => ({ kind: 'url', url: new URL(text, globalThis.location?.href).href }),
  blobsTravel: true,
})
