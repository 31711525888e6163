// The worker's file in browsers.

import { noStorage } from '../cache/problems.js'
import { hasOpfs, opfsStorage } from '../cache/storage-opfs.js'
import { webWorkerPort } from '../connection-browser.js'
import { SottoError } from '../errors.js'
import { serve } from './serve.js'
import { compileFromUrl, moduleUrl } from './variant.js'

const modules = {
  simd128: new URL('../../dist/sotto-simd128.wasm', import.meta.url),
  relaxed: new URL('../../dist/sotto-relaxed.wasm', import.meta.url),
  'simd128-mt': new URL('../../dist/sotto-simd128-mt.wasm', import.meta.url),
  'relaxed-mt': new URL('../../dist/sotto-relaxed-mt.wasm', import.meta.url),
}

// Timers are clamped to 4 ms; a message to oneself comes back behind those that wait.
const channel = new MessageChannel()
/** @type {(() => void)[]} */
const waiting = []
channel.port1.onmessage = () => waiting.shift()?.()

/** @typedef {{ postMessage: (message: any, transfer: ArrayBuffer[]) => void, onmessage: any }} Scope */
const scope = /** @type {Scope} */ (/** @type {unknown} */ (globalThis))

function whyNoThreads() {
  if (!globalThis.crossOriginIsolated) {
    return 'threads need a page that is cross-origin isolated (COOP and COEP headers)'
  }
  // WebKitGTK isolates a page and shares no memory all the same.
  if (typeof SharedArrayBuffer === 'undefined') return 'this browser has no SharedArrayBuffer'
  return ''
}

const onMessage = serve({
  post: (message, transfer = []) => scope.postMessage(message, transfer),
  compile: (name, wasmUrl) => compileFromUrl(moduleUrl(name, wasmUrl, modules)),
  threads: {
    available: () => ({ processors: navigator.hardwareConcurrency ?? 1, refusal: whyNoThreads() }),
    start: () =>
      webWorkerPort(
        new Worker(new URL('./thread-browser.js', import.meta.url), { type: 'module' }),
      ),
  },
  cacheStorage() {
    if (hasOpfs()) return opfsStorage()
    throw noStorage()
  },
  startHasher: () =>
    webWorkerPort(new Worker(new URL('./hash-browser.js', import.meta.url), { type: 'module' })),
  fileSource: (path) => {
    throw new SottoError('invalid_argument', `A browser reads no paths: ${path}`)
  },
  yieldToEvents: () =>
    new Promise((resolve) => {
      waiting.push(resolve)
      channel.port2.postMessage(undefined)
    }),
})
scope.onmessage = (/** @type {MessageEvent} */ { data }) => onMessage(data)
