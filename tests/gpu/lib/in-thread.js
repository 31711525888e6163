// Engines in the test's own thread, on a GPU that the test holds: with kernels that it may spoil,
// and an executor that it can ask how much there is.
import { readFile } from 'node:fs/promises'
import { setImmediate } from 'node:timers/promises'
import * as kernels from '../../../js/dist/kernels.js'
import * as own from '../../../js/src/gpu/gpu.js'
import { fileSource } from '../../../js/src/source/file.js'
import { pollSparingly } from '../../../js/src/worker/dawn-polling.js'
import { load } from '../../../js/src/worker/loader.js'
import { Loop } from '../../../js/src/worker/loop.js'
import { Gpus } from '../../../js/src/worker/open-gpu.js'

export { parts } from '../../../js/dist/kernels.js'

const code = pollSparingly(own)
const compiled = new Map()

async function compile(name) {
  const file = new URL(`../../../js/dist/sotto-${name}.wasm`, import.meta.url)
  if (!compiled.has(name)) compiled.set(name, WebAssembly.compile(await readFile(file)))
  return compiled.get(name)
}

const fail = (error) => {
  throw error
}

/** Kernels that compile at once and compute nothing. */
export const idle = Object.fromEntries(
  Object.entries(kernels.parts).map(([name, text]) => [
    name,
    text.includes('fn main(') ? '@compute @workgroup_size(1) fn main() {}' : '',
  ]),
)

/**
 * Loads a model. `parts` take the place of kernels' texts, `core` are options that are numbers,
 * and nothing is `tested` if that is false. What it rejects with is an error of the library; the
 * GPU is given back then.
 */
export async function loadHere(path, gpu, options = {}) {
  const { parts = {}, core = {}, cache = 'f16', tested = true } = options
  const own = { hash: kernels.hash, parts: { ...kernels.parts, ...parts } }
  const loading = {
    core: { n_ctx: 64, n_batch: 16, n_parallel: 1, ...core },
    backend: 'webgpu',
    gpu: { allowSoftware: true },
    variant: 'auto',
    cache_type_k: cache,
    cache_type_v: cache,
    n_threads: 1,
    device_memory: 0,
    sha256: [],
  }
  const host = { open: async () => gpu, code: async () => code, kernels: async () => own }
  const gpus = new Watched(loading, host, async () => {})
  gpus.tested = tested
  const job = {
    makeSources: () => [fileSource(path)],
    options: loading,
    compile,
    threads: { available: () => ({ processors: 1, refusal: '' }) },
    gpus,
    yieldToEvents: () => setImmediate(),
    onProgress() {},
    onPlan: async () => {},
    onWarning: fail,
    onCrash: fail,
  }
  try {
    const { engine } = await load(job)
    return { engine, executor: gpus.executor, end: () => gpus.end(), ...loopOf(engine) }
  } catch (error) {
    await gpus.end()
    throw error
  }
}

/** Keeps the executor. */
class Watched extends Gpus {
  async first() {
    await super.first()
    const { makeExecutor, facts } = this.present
    if (!this.tested) facts.numbers.only_records = 1
    this.present.makeExecutor = (...given) => {
      this.executor = makeExecutor(...given)
      return this.executor
    }
  }
}

/** `answer(prompt, n)`: the n likeliest tokens behind it; rejects with what ends the request. */
function loopOf(engine) {
  const waiting = new Map()
  let last = 0
  const loop = new Loop(engine, {
    send(id, events) {
      const request = waiting.get(id)
      for (const { kind, token, error } of events) {
        if (kind === 'token') request.tokens.push(token)
        if (error) request.reject(error)
        else if (kind === 'done') request.resolve(request.tokens)
      }
    },
    yieldToEvents: () => setImmediate(),
    onCrash(error) {
      for (const { reject } of waiting.values()) reject(error)
    },
  })
  engine.gpu.failed.then(() => loop.fail(engine.gpu.failure))
  const answer = async (prompt, max_tokens) => {
    const id = ++last
    const done = new Promise((resolve, reject) => {
      waiting.set(id, { tokens: [], resolve, reject })
    })
    const request = {
      prompt: { kind: 'tokens', tokens: Int32Array.from(prompt) },
      fields: { max_tokens, temperature: 0 },
      flags: ['IGNORE_EOS', 'NO_LOOKUP'],
      stop: [],
      logit_bias: [],
    }
    loop.add(id, request, 1e9)
    return done.finally(() => waiting.delete(id))
  }
  return { loop, answer }
}
