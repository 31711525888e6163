// The worker's file in Node.js.
import { readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { setImmediate } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parentPort } from 'node:worker_threads'
import { nodeStorage } from '../cache/storage-node.js'
import { startWorkerThread } from '../connection-node.js'
import { fileSource } from '../source/file.js'
import { serve } from './serve.js'
import { compileFromUrl, moduleError, moduleUrl } from './variant.js'

const modules = {
  simd128: new URL('../../dist/sotto-simd128.wasm', import.meta.url),
  relaxed: new URL('../../dist/sotto-relaxed.wasm', import.meta.url),
  'simd128-mt': new URL('../../dist/sotto-simd128-mt.wasm', import.meta.url),
  'relaxed-mt': new URL('../../dist/sotto-relaxed-mt.wasm', import.meta.url),
}

/** @param {string} url or a path */
async function compile(url) {
  if (/^(https?|data):/i.test(url)) return compileFromUrl(url)
  try {
    const path = /^file:/i.test(url) ? fileURLToPath(url) : url
    return await WebAssembly.compile(await readFile(path))
  } catch (error) {
    throw moduleError(url, error)
  }
}

if (!parentPort) throw new Error('sotto/worker is started by loadModel')
const port = parentPort
const onMessage = serve({
  post: (message, transfer = []) => {
    port.postMessage(
      message,
      /** @type {import('node:worker_threads').TransferListItem[]} */ (transfer),
    )
  },
  compile: (name, wasmUrl) => compile(moduleUrl(name, wasmUrl, modules)),
  threads: {
    available: () => ({ processors: availableParallelism(), refusal: '' }),
    start: () => startWorkerThread(new URL('./thread-node.js', import.meta.url), 'sotto thread'),
  },
  cacheStorage: (directory) => nodeStorage(directory),
  startHasher: ({ cacheDir: directory }) =>
    startWorkerThread(new URL('./hash-node.js', import.meta.url), 'sotto hash', { directory }),
  fileSource,
  yieldToEvents: () => setImmediate(),
})
port.on('message', onMessage)
