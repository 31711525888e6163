// What loadModel starts as the engine's worker in Node.js and Deno.
import { readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { setImmediate } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parentPort } from 'node:worker_threads'
import { nodeStorage } from '../../cache/storage-node.js'
import { startWorkerThread } from '../../connection-node.js'
import { fileSource } from '../../source/file.js'
import { moduleUrl } from '../module-files.js'
import { serveEngine } from '../serve-engine.js'
import { compileFromUrl, moduleError } from '../variant.js'

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
const onMessage = serveEngine({
  post: (message, transfer = []) => {
    port.postMessage(
      message,
      /** @type {import('node:worker_threads').TransferListItem[]} */ (transfer),
    )
  },
  compile: (name, wasmUrl) => compile(moduleUrl(name, wasmUrl)),
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
