// wllama in a page, on the CPU, as its guides have it: the model by URL, through its cache in OPFS.
// Options are its defaults, apart from those that make the engines comparable.
import { LoggerWithoutDebug, Wllama } from '/wllama/index.min.js'

/** @type {any} */
let engine

const make = () =>
  new Wllama(
    { default: '/wllama/wasm/wllama.wasm' },
    { logger: LoggerWithoutDebug, suppressNativeLog: true },
  )

export async function cache({ source }) {
  await make().modelManager.downloadModel(source)
}

export async function load({ source, how, n_ctx, threads }) {
  engine = make()
  const begin = performance.now()
  const useCache = how === 'cached'
  const cpu = { n_gpu_layers: 0, n_threads: threads }
  await engine.loadModelFromUrl(source, { ...cpu, n_ctx, n_parallel: 1, useCache })
  return {
    ms: performance.now() - begin,
    threads: engine.getNumThreads(),
    variant: engine.isMultithread() ? 'threads' : 'one thread',
  }
}

/** wllama takes text only. */
export async function generate({ text, n }) {
  const begin = performance.now()
  const reply = await engine.createCompletion({
    prompt: text,
    max_tokens: n + 1,
    temperature: 0,
    ignore_eos: true,
    cache_prompt: false,
  })
  const wall_ms = performance.now() - begin
  const { prompt_n, cache_n, prompt_ms, predicted_n, predicted_ms } = reply.timings
  return {
    wall_ms,
    prompt_n,
    cache_n,
    prompt_ms,
    decode_n: predicted_n - 1,
    decode_ms: predicted_ms,
  }
}

export const memory = async () => ({})

export async function close() {
  await engine?.exit()
  engine = undefined
}

export const version = async () => Wllama.getLibllamaVersion()
