// `npm run bench -- gpu`: models of three shapes on the GPU of this machine, through the library.
// Weights are random; tokens are drawn, so that no draft of prompt lookup is right by repetition.
// Needs the built library and npm's webgpu, and nothing else: it runs on a machine that has only
// these, by `node bench/gpu.mjs`.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { makeRandom } from '../models/make-random.mjs'
import { isMain, main } from '../tools/lib/main.mjs'
import { inRoot, modelCache } from '../tools/lib/paths.mjs'
import { say, step } from '../tools/lib/report.mjs'
import { summary } from './stats.mjs'
import { number, spread, table } from './table.mjs'

const shapes = {
  '135m': { width: 576, layers: 30, heads: 9, kvHeads: 3, head: 64, ffn: 1536, vocab: 49152 },
  '1b': {},
  '8b': { width: 4096, layers: 32, heads: 32, kvHeads: 8, head: 128, ffn: 14336 },
}
const TYPE = 'Q4_0'
const PREFILL = 512
const DECODE = 128
/** Whose vocabulary the models have. */
const source = inRoot('models', 'tiny', 'tiny-q4_0.gguf')

const tokens = (n, seed) =>
  Array.from({ length: n }, (_, i) => 100 + ((i * 7919 + seed * 31) % 150))
const request = { temperature: 0.8, ignore_eos: true, cache_prompt: false }

async function measure(engine, rounds) {
  const ask = (n, max_tokens, seed) =>
    engine.completions.create({ ...request, prompt: tokens(n, seed), max_tokens, seed })
  await ask(PREFILL, 8, 0)
  const prefill = []
  const decode = []
  for (let round = 1; round <= rounds; round++) {
    const { timings: long } = await ask(PREFILL, 1, round)
    const { timings: short } = await ask(8, DECODE, round)
    prefill.push((long.prompt_n / long.prompt_ms) * 1000)
    decode.push((short.predicted_n / short.predicted_ms) * 1000)
  }
  return { prefill: summary(prefill), decode: summary(decode) }
}

async function row(name, change, loadModel, rounds) {
  const path = join(modelCache, `random-gpu-${name}.${TYPE}.gguf`)
  if (!existsSync(path)) await step(`Make ${path}`, () => makeRandom(source, path, TYPE, change))
  const engine = await loadModel(path, { backend: 'webgpu', n_ctx: 4096, n_parallel: 1 })
  try {
    say(`  ${name}: ${engine.info.gpu.description || engine.info.gpu.device}`)
    const { prefill, decode } = await measure(engine, rounds)
    const { plan, info } = engine
    const seconds = info.load_ms.total / 1000
    return [
      ...[name, TYPE, spread(prefill), spread(decode), `${number(seconds)} s`],
      `${number(plan.file / 1e9 / (info.load_ms.weights / 1000))} GB/s`,
      `${number(plan.gpu_total / 1e9)} GB`,
    ]
  } finally {
    await engine.dispose()
  }
}

export async function benchGpu({ rounds, build: wanted }) {
  if (wanted) {
    const { setup } = await import('../tools/setup.mjs')
    const { build } = await import('../tools/build.mjs')
    await setup('start')
    await build('web', { target: 'all' })
  }
  const { loadModel } = await import('../js/src/node.js')
  const rows = []
  for (const [name, change] of Object.entries(shapes))
    rows.push(await row(name, change, loadModel, rounds))
  const head = [`model`, 'weights', `prefill ${PREFILL}, tok/s`, `decode ${DECODE}, tok/s`]
  say(table([...head, 'load', 'weights read', 'on the GPU'], rows))
}

if (isMain(import.meta.url)) await main(() => benchGpu({ rounds: 3, build: false }))
