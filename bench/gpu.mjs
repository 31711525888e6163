// `npm run bench -- gpu`: models of three shapes on the GPU of this machine, through the library.
// Weights are random; there are no drafts, and the best token is picked, as a program in C would
// that has no other wish. Needs the built library and npm's webgpu, and nothing else: it runs on a
// machine that has only these, by `node bench/gpu.mjs --case 1b-q4_0 --rounds 3`.
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { makeRandom } from '../models/make-random.mjs'
import { isMain, main } from '../tools/lib/main.mjs'
import { inRoot, modelCache } from '../tools/lib/paths.mjs'
import { say, step } from '../tools/lib/report.mjs'
import { summary } from './stats.mjs'
import { number, spread, table } from './table.mjs'

const shapes = {
  '135m': { width: 576, layers: 30, heads: 9, kvHeads: 3, head: 64, ffn: 1536, vocab: 49152 },
  '1b': { width: 2048, layers: 16, heads: 32, kvHeads: 8, head: 64, ffn: 8192, vocab: 128256 },
  '8b': { width: 4096, layers: 32, heads: 32, kvHeads: 8, head: 128, ffn: 14336, vocab: 128256 },
}
const types = { q4_0: 'Q4_0', q8_0: 'Q8_0', q4_k_m: 'Q4_K_M' }
export const gpuCases = Object.keys(shapes).flatMap((shape) =>
  Object.keys(types).map((type) => `${shape}-${type}`),
)
const DECODE = 128
const LONG = 4096 // positions
const SEQUENCES = 8
/** Whose vocabulary the models have. */
const source = inRoot('models', 'tiny', 'tiny-q4_0.gguf')
const options = { backend: 'webgpu', n_ctx: LONG + 2 * DECODE }

const tokens = (n, seed) =>
  Array.from({ length: n }, (_, i) => 100 + ((i * 7919 + seed * 31) % 150))
const request = { temperature: 0, ignore_eos: true, prompt_lookup: false }

/** Tokens a second of a prompt, and of an answer. */
const rateOfPrompt = ({ timings }) => (timings.prompt_n / timings.prompt_ms) * 1000
const rateOfAnswer = ({ timings }) => (timings.predicted_n / timings.predicted_ms) * 1000

async function measureAlone(engine, rounds) {
  const ask = (n, max_tokens, seed, cache_prompt = false) =>
    engine.completions.create({
      ...{ ...request, prompt: tokens(n, seed), max_tokens, cache_prompt },
    })
  await ask(512, 8, 0)
  const rates = { prompt: [], longPrompt: [], answer: [], longAnswer: [] }
  await ask(LONG, 1, 0, true)
  for (let round = 1; round <= rounds; round++) {
    rates.prompt.push(rateOfPrompt(await ask(512, 1, round)))
    rates.longPrompt.push(rateOfPrompt(await ask(2048, 1, round)))
    rates.answer.push(rateOfAnswer(await ask(8, DECODE, round)))
    rates.longAnswer.push(rateOfAnswer(await ask(LONG, DECODE, 0, true)))
  }
  return Object.values(rates).map(summary)
}

/** All tokens a second of several answers at once, from the first token of the last of them. */
async function measureTogether(engine, rounds) {
  const rates = []
  for (let round = 0; round <= rounds; round++) {
    const answers = Array.from({ length: SEQUENCES }, (_, i) =>
      engine.completions.create({
        ...{ ...request, prompt: tokens(8, SEQUENCES * round + i), max_tokens: DECODE },
        cache_prompt: false,
      }),
    )
    const slowest = Math.min(...(await Promise.all(answers)).map(rateOfAnswer))
    if (round > 0) rates.push(slowest * SEQUENCES)
  }
  return summary(rates)
}

/** Rows of the kernels that a prompt and a token take: how often, how long, what share of it. */
async function kernelRows(name, load) {
  const engine = await load({ gpu: { timestamps: true } })
  const ask = (n, max_tokens) =>
    engine.completions.create({
      ...{ ...request, prompt: tokens(n, max_tokens), max_tokens, cache_prompt: false },
    })
  await ask(512, 8)
  const spent = async (n, max_tokens) => {
    const kernels = async () => structuredClone((await engine.statistics()).gpu.kernels ?? {})
    const before = await kernels()
    await ask(n, max_tokens)
    return difference(await kernels(), before)
  }
  const rows = [
    ...kernelRowsOf([name, 'prompt 512'], await spent(512, 1), 1),
    ...kernelRowsOf([name, 'a token'], await spent(8, DECODE), DECODE),
  ]
  await engine.dispose()
  return rows
}

/** What kernels have done since `before`. */
function difference(after, before) {
  const since = Object.entries(after).map(([kernel, { n, ms }]) => {
    const { n: n0, ms: ms0 } = before[kernel] ?? { n: 0, ms: 0 }
    return { kernel, n: n - n0, us: (ms - ms0) * 1000 }
  })
  return since.filter(({ n }) => n > 0).sort((a, b) => b.us - a.us)
}

function kernelRowsOf(head, spent, times) {
  const all = spent.reduce((sum, { us }) => sum + us, 0)
  return spent.map(({ kernel, n, us }) => {
    const format = kernel.match(/formats\/(\w+)/)?.[1] ?? ''
    const share = `${number((100 * us) / all)} %`
    return [...head, kernel.split(' ').at(-1), format, number(n / times), number(us / n), share]
  })
}

async function row(name, loadModel, rounds) {
  const [shape, type] = name.split(/-(.*)/s)
  const path = join(modelCache, `random-gpu-${name}.gguf`)
  if (!existsSync(path)) {
    const make = () => makeRandom(source, path, types[type], shapes[shape])
    await step(`Make ${path}`, make)
  }
  const load = (more) => loadModel(path, { ...options, n_parallel: 1, ...more })
  const engine = await load()
  say(`  ${name}: ${engine.info.gpu.description || engine.info.gpu.device}`)
  const alone = await measureAlone(engine, rounds)
  const { plan, info } = engine
  await engine.dispose()
  const several = await load({ n_parallel: SEQUENCES, n_ctx: 2 * SEQUENCES * DECODE })
  const together = await measureTogether(several, rounds)
  await several.dispose()
  return {
    speeds: [
      name,
      ...[...alone, together].map((rate) => spread(rate)),
      `${number(info.load_ms.total / 1000)} s`,
      `${number(plan.file / 1e9 / (info.load_ms.weights / 1000))} GB/s`,
      `${number(plan.gpu_total / 1e9)} GB`,
    ],
    kernels: await kernelRows(name, load),
    path,
  }
}

export async function benchGpu({ rounds, gpuCases: names = gpuCases, build: wanted, keep = true }) {
  if (wanted) {
    const { setup } = await import('../tools/setup.mjs')
    const { build } = await import('../tools/build.mjs')
    await setup('start')
    await build('web', { target: 'all' })
  }
  const { loadModel } = await import('../js/src/node.js')
  const rows = []
  for (const name of names) {
    rows.push(await row(name, loadModel, rounds))
    if (!keep) rmSync(rows.at(-1).path)
  }
  const prompts = ['prompt 512, tok/s', 'prompt 2048']
  const answers = [`answer ${DECODE}`, `… behind ${LONG}`, `${SEQUENCES} answers`]
  const head = ['model', ...prompts, ...answers, 'load', 'weights read', 'on the GPU']
  const speeds = rows.map(({ speeds }) => speeds)
  say(table(head, speeds))
  const kernels = rows.flatMap(({ kernels }) => kernels)
  say(`\n${table(['model', 'of', 'kernel', 'weights', 'dispatches', 'us', 'share'], kernels)}`)
}

if (isMain(import.meta.url)) {
  const { values } = parseArgs({
    options: { case: { type: 'string', multiple: true }, rounds: { type: 'string' } },
  })
  const { case: cases = gpuCases, rounds = 3 } = values
  const names = cases.flatMap((value) => value.split(','))
  await main(() => benchGpu({ rounds: Number(rounds), gpuCases: names, build: false, keep: false }))
}
