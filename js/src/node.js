// The library's entry in Node.js.
import { totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { ModelCache } from './cache/manage.js'
import { nodeStorage } from './cache/storage-node.js'
import { startWorkerThread } from './connection-node.js'
import { makeLoadModel, makePlanModel } from './load.js'

export { Engine } from './engine.js'
export { ERROR_CODES, SottoError } from './errors.js'
export { LIMITS } from './tables.js'
export * from './types.js'

/**
 * A string is a path unless it begins with http:, https:, data: or file:.
 * @param {string} text
 * @returns {{ kind: 'url', url: string } | { kind: 'path', path: string }}
 */
function locate(text) {
  if (/^(https?|data):/i.test(text)) return { kind: 'url', url: text }
  return { kind: 'path', path: /^file:/i.test(text) ? fileURLToPath(text) : text }
}

/** The files that loadModel keeps on disk. */
export const modelCache = new ModelCache(() => nodeStorage())

/**
 * The same for another place.
 * @param {string} cacheDir
 */
export const openModelCache = (cacheDir) => new ModelCache(() => nodeStorage(cacheDir))

/**
 * A container may have less than the machine; without a limit it is 0 or a number
 * beyond all memory.
 */
function deviceMemory() {
  try {
    return Math.min(totalmem(), process.constrainedMemory?.() || Infinity)
  } catch {
    return 0 // Deno asks for a permission
  }
}

let keepsDriver = false

/** Starts the thread that holds the driver; it does not keep the process alive. */
function keepDriver() {
  if (keepsDriver) return
  keepsDriver = true
  const file = new URL('./worker/entry/gpu-node.js', import.meta.url)
  const worker = new Worker(file, { name: 'sotto gpu', execArgv: [], stdin: false })
  worker.unref()
  worker.on('error', () => {}) // engines do without
}

/** @type {import('./load.js').MainHost} */
const host = {
  startWorker: (url) =>
    startWorkerThread(new URL(url ?? './worker/entry/engine-node.js', import.meta.url), 'sotto'),
  locate,
  blobsTravel: false,
  deviceMemory,
  keepDriver,
}

/**
 * Loads a model into a worker thread of its own and resolves when it is ready to answer.
 * @type {import('./load.js').LoadModel}
 */
export const loadModel = makeLoadModel(host)

/**
 * What loading a model with these options would take, from its header alone; a plan that does
 * not fit is no error here.
 * @type {import('./load.js').PlanModel}
 */
export const planModel = makePlanModel(host)
