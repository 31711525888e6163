// llama.cpp's prebuilt CPU library through node-llama-cpp, with its defaults (flash attention where
// the library wants it) apart from what makes the engines comparable. Speeds are those that
// llama.cpp itself measures: without the way through JavaScript, to its advantage.
import { getLlama, LlamaLogLevel } from 'node-llama-cpp'

let llama
let model
let context
let sequence
let log = []

export async function load({ source, n_ctx, threads }) {
  llama = await getLlama({
    build: 'never',
    gpu: false,
    maxThreads: threads,
    logLevel: LlamaLogLevel.info,
    logger: (_level, text) => log.push(text),
  })
  const begin = performance.now()
  model = await llama.loadModel({ modelPath: source })
  context = await model.createContext({ contextSize: n_ctx, threads, performanceTracking: true })
  const ms = performance.now() - begin
  sequence = context.getSequence()
  return { ms, threads: context.currentThreads, variant: llama.systemInfo.trim() }
}

export async function generate({ ids, n }) {
  await sequence.clearHistory()
  log = []
  const begin = performance.now()
  let count = 0
  let first = 0
  for await (const _token of sequence.evaluate(ids, { temperature: 0, yieldEogToken: true })) {
    if (count === 0) first = performance.now()
    if (count++ === n) break
  }
  const end = performance.now()
  if (count !== n + 1) throw new Error(`llama.cpp stopped after ${count} tokens`)
  await context.printTimings()
  const own = ownTimings(log.join('\n'))
  return {
    wall_ms: end - begin,
    prompt_n: ids.length,
    cache_n: 0,
    prompt_ms: own?.prompt_ms ?? first - begin,
    decode_n: n,
    decode_ms: own?.decode_ms ?? end - first,
  }
}

/** llama.cpp's log: "prompt eval time = 1.2 ms / 16 tokens …", "eval time = 3.4 ms / 64 runs …". */
function ownTimings(text) {
  const prompt = text.match(/prompt eval time =\s*([\d.]+) ms/)
  const decode = text.match(/:\s+eval time =\s*([\d.]+) ms/)
  return prompt && decode && { prompt_ms: Number(prompt[1]), decode_ms: Number(decode[1]) }
}

export const memory = async () => ({})

export async function close() {
  await llama?.dispose()
}

export const version = async () => {
  const { llamaCppRelease } = llama
  return `llama.cpp ${llamaCppRelease.release}`
}
