// What loadModel starts as the engine's worker in Node.js and Deno.
import { readdir, readFile } from 'node:fs/promises'
import { availableParallelism, homedir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parentPort } from 'node:worker_threads'
import { nodeStorage } from '../../cache/storage-node.js'
import { startWorkerThread } from '../../connection-node.js'
import { fileSource } from '../../source/file.js'
import { pollSparingly } from '../dawn-polling.js'
import { besideModules, moduleUrl } from '../module-files.js'
import { serveEngine } from '../serve-engine.js'
import { compileFromUrl, importModule, moduleError } from '../variant.js'

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

/**
 * @param {string | undefined} module whose `gpu` is used instead of the host's own or that of a
 *   package
 * @param {boolean} auto nobody asked for a GPU
 */
async function openGpu(module, auto) {
  if (auto && !module) {
    // Having asked it for an adapter ends one process in ten with a fault when it exits (Deno 2.9).
    if (navigatorGpu()) throw new Error("Deno's WebGPU is taken if asked for")
    await needDriver()
  }
  const gpu = module ? (await import(toUrl(module))).gpu : (navigatorGpu() ?? (await dawn()))
  if (!gpu) throw new Error(`${module} exports no gpu`)
  gpus.push(gpu)
  return gpu
}

/** Deno's. */
const navigatorGpu = () => Reflect.get(globalThis.navigator ?? {}, 'gpu')

/** Throws where there is no driver of Vulkan: Dawn would say so on standard error. */
async function needDriver() {
  if (process.platform !== 'linux') return
  const { env } = process
  if (env.VK_ICD_FILENAMES || env.VK_DRIVER_FILES || env.VK_ADD_DRIVER_FILES) return
  const data = env.XDG_DATA_DIRS || '/usr/local/share:/usr/share'
  const own = env.XDG_DATA_HOME || join(homedir(), '.local', 'share')
  const folders = ['/etc', '/usr/local/etc', ...data.split(':'), own]
  const found = await Promise.all(
    folders.map((folder) => readdir(join(folder, 'vulkan', 'icd.d')).catch(() => [])),
  )
  if (found.flat().length === 0) throw new Error('no driver of Vulkan is installed')
}

async function dawn() {
  const name = 'webgpu' // installed or not: nobody shall look for it before this
  try {
    const { create } = await import(name)
    return create([])
  } catch (cause) {
    throw new Error(`the package "webgpu" cannot be loaded (${cause})`, { cause })
  }
}

/** @type {Promise<import('../open-gpu.js').GpuCode> | undefined} */
let code

function gpuCode() {
  code ??= import('../../gpu/gpu.js').then((own) => (navigatorGpu() ? own : pollSparingly(own)))
  return code
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
  gpu: {
    open: openGpu,
    code: gpuCode,
    kernels: (wasmUrl) => importModule(toUrl(besideModules('kernels.js', wasmUrl))),
  },
  cacheStorage: (directory) => nodeStorage(directory),
  startHasher: ({ cacheDir: directory }) =>
    startWorkerThread(new URL('./hash-node.js', import.meta.url), 'sotto hash', { directory }),
  fileSource,
  yieldToEvents: () => setImmediate(),
})
port.on('message', onMessage)
