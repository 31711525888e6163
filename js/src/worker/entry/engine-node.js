// What loadModel starts as the engine's worker in Node.js and Deno.
import { readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { setImmediate } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parentPort } from 'node:worker_threads'
import { nodeStorage } from '../../cache/storage-node.js'
import { startWorkerThread } from '../../connection-node.js'
import { fileSource } from '../../source/file.js'
import { kernelsUrl, moduleUrl } from '../module-files.js'
import { serveEngine } from '../serve-engine.js'
import { compileFromUrl, importKernels, moduleError } from '../variant.js'

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

const toUrl = (/** @type {string} */ text) =>
  /^(https?|data|file):/i.test(text) ? text : pathToFileURL(text).href

/** @type {GPU[]} kept: without it, Dawn ends the process while there is a device */
const gpus = []

/** @param {string} [module] whose `gpu` is used instead of the host's own or that of a package */
async function openGpu(module) {
  const gpu = module ? (await import(toUrl(module))).gpu : (navigatorGpu() ?? (await dawn()))
  if (!gpu) throw new Error(`${module} exports no gpu`)
  gpus.push(gpu)
  return gpu
}

/** Deno's. */
const navigatorGpu = () => Reflect.get(globalThis.navigator ?? {}, 'gpu')

async function dawn() {
  const name = 'webgpu' // installed or not: nobody shall look for it before this
  try {
    const { create } = await import(name)
    return create([])
  } catch (cause) {
    throw new Error(`the package "webgpu" cannot be loaded (${cause})`, { cause })
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
  gpu: { open: openGpu, kernels: (wasmUrl) => importKernels(toUrl(kernelsUrl(wasmUrl))) },
  cacheStorage: (directory) => nodeStorage(directory),
  startHasher: ({ cacheDir: directory }) =>
    startWorkerThread(new URL('./hash-node.js', import.meta.url), 'sotto hash', { directory }),
  fileSource,
  yieldToEvents: () => setImmediate(),
})
port.on('message', onMessage)
