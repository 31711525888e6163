// What the page starts as the engine's worker in browsers.
import { noStorage } from '../../cache/problems.js'
import { hasOpfs, opfsStorage } from '../../cache/storage-opfs.js'
import { SottoError } from '../../errors.js'
import { Helpers } from '../helpers-browser.js'
import { besideModules, moduleUrl } from '../module-files.js'
import { serveEngine } from '../serve-engine.js'
import { compileFromUrl, importModule } from '../variant.js'

// Timers are clamped to 4 ms; a message to oneself comes back behind those that wait.
const channel = new MessageChannel()
/** @type {(() => void)[]} */
const waiting = []
channel.port1.onmessage = () => waiting.shift()?.()

/**
 * @typedef {{ postMessage: (message: any, transfer: Transferable[]) => void,
 *   onmessage: any }} Scope
 */
const scope = /** @type {Scope} */ (/** @type {unknown} */ (globalThis))

function whyNoThreads() {
  if (!globalThis.crossOriginIsolated) {
    return 'threads need a page that is cross-origin isolated (COOP and COEP headers)'
  }
  // WebKitGTK isolates a page and shares no memory all the same.
  if (typeof SharedArrayBuffer === 'undefined') return 'this browser has no SharedArrayBuffer'
  return ''
}

const post = (/** @type {any} */ message, /** @type {Transferable[]} */ transfer = []) =>
  scope.postMessage(message, transfer)
const helpers = new Helpers(post)

const onMessage = serveEngine({
  post,
  compile: (name, wasmUrl) => compileFromUrl(moduleUrl(name, wasmUrl)),
  threads: {
    available: () => ({ processors: navigator.hardwareConcurrency ?? 1, refusal: whyNoThreads() }),
    start: () => helpers.start(new URL('./thread-browser.js', import.meta.url)),
  },
  gpu: {
    async open(module) {
      if (module) throw new Error('gpu.module is for Node.js')
      if (navigator.gpu) return navigator.gpu
      throw new Error('this browser has no WebGPU, or none for this page: it wants HTTPS')
    },
    code: (wasmUrl) => importModule(besideModules('gpu.js', wasmUrl)),
    kernels: (wasmUrl) => importModule(besideModules('kernels.js', wasmUrl)),
  },
  cacheStorage() {
    if (hasOpfs()) return opfsStorage()
    throw noStorage()
  },
  startHasher({ wasmUrl }) {
    const port = helpers.start(new URL('./hash-browser.js', import.meta.url))
    const folder = wasmUrl?.endsWith('/') ? wasmUrl : undefined
    port.post(/** @type {any} */ (moduleUrl('simd128', folder)))
    return port
  },
  fileSource: (path) => {
    throw new SottoError('invalid_argument', `A browser reads no paths: ${path}`)
  },
  yieldToEvents: () =>
    new Promise((resolve) => {
      waiting.push(resolve)
      channel.port2.postMessage(undefined)
    }),
})
scope.onmessage = (/** @type {MessageEvent} */ { data }) =>
  helpers.onMessage(data) || onMessage(data)
