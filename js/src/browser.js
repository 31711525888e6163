// The library's entry in browsers.
import { ModelCache } from './cache/manage.js'
import { hasOpfs, opfsStorage } from './cache/storage-opfs.js'
import { webWorkerPort } from './connection-browser.js'
import { makeLoadModel, makePlanModel } from './load.js'

export { Engine } from './engine.js'
export { ERROR_CODES, SottoError } from './errors.js'
export { LIMITS } from './tables.js'
export * from './types.js'

/**
 * The worker and all that it imports in one file, made of ./worker/entry/engine-browser.js by the
 * build. Bundlers
 * find it by this very expression.
 * @param {string | undefined} url
 */
const makeWorker = (url) =>
  url === undefined
    ? new Worker(new URL('../dist/worker/browser.js', import.meta.url), { type: 'module' })
    : new Worker(url, { type: 'module' })

/** The files that loadModel keeps in this origin. */
export const modelCache = new ModelCache(() => (hasOpfs() ? opfsStorage() : undefined))

/** @type {import('./load.js').MainHost} */
const host = {
  startWorker: (url) => webWorkerPort(makeWorker(url), url),
  locate: (text) => ({ kind: 'url', url: new URL(text, globalThis.location?.href).href }),
  blobsTravel: true,
  // In GB, rounded to a power of two and cut off at the top; not every browser says it.
  deviceMemory: () => (Reflect.get(globalThis.navigator ?? {}, 'deviceMemory') ?? 0) * 2 ** 30,
}

/**
 * Loads a model into a worker of its own and resolves when it is ready to answer.
 * @type {import('./load.js').LoadModel}
 */
export const loadModel = makeLoadModel(host)

/**
 * What loading a model with these options would take, from its header alone; a plan that does
 * not fit is no error here.
 * @type {import('./load.js').PlanModel}
 */
export const planModel = makePlanModel(host)
