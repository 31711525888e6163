// The library's entry in browsers.
import { webWorkerPort } from './connection-browser.js'
import { makeLoadModel } from './load.js'

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
 * Loads a model into a worker of its own and resolves when it is ready to answer.
 * @type {import('./load.js').LoadModel}
 */
export const loadModel = makeLoadModel({
  startWorker: (url) => webWorkerPort(makeWorker(url), url),
  locate: (text) => ({ kind: 'url', url: new URL(text, globalThis.location?.href).href }),
  blobsTravel: true,
})
