// `npm run bench -- families`: every family at the same shape, beside llama in the same rounds.
// The shape is SmolLM2 135M's, weights are random Q4_0 with the default model's vocabulary.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { families, makeRandom } from '../models/make-random.mjs'
import { build } from '../tools/build.mjs'
import { inRoot, modelCache } from '../tools/lib/paths.mjs'
import { say, step } from '../tools/lib/report.mjs'
import { installModel, isNewNode, newerNode } from '../tools/setup/packages.mjs'
import { setup } from '../tools/setup.mjs'
import { metricsOf, requestsOf } from './cases.mjs'
import { promptMaker } from './prompts.mjs'
import { Child } from './runners/child.mjs'
import { ratios, summary } from './stats.mjs'
import { spread, table } from './table.mjs'

const shape = { width: 576, layers: 30, heads: 9, kvHeads: 3, head: 64, ffn: 1536, vocab: 49152 }
const sizes = { short: 16, prompt: 256, long: 1024, decode: 64 }
const requests = requestsOf(sizes)
const metrics = Object.entries(metricsOf(sizes)).filter(([id]) => /^(decode|prefill-256)$/.test(id))
const WARM = { length: 64, n: 16 }

async function open(family, source, threads) {
  const path = join(modelCache, `random-135m-${family}.Q4_0.gguf`)
  if (!existsSync(path)) {
    await step(`Make ${path}`, () => makeRandom(source, path, 'Q4_0', { family, ...shape }))
  }
  const node = !isNewNode && existsSync(newerNode()) ? newerNode() : process.execPath
  const child = await Child.open('sotto.js', node)
  const prompt = promptMaker(path)
  const generate = ({ length, n }) => child.call('generate', { ids: prompt(length).ids, n })
  try {
    await child.call('load', {
      library: inRoot('js', 'src', 'node.js'),
      ...{ source: path, n_ctx: 1280, threads },
    })
    await generate(WARM)
  } catch (error) {
    await child.close()
    throw error
  }
  return { family, generate, close: () => child.close() }
}

/** @param {{ threads: number, rounds: number, build: boolean }} wanted */
export async function benchFamilies({ threads, rounds, build: wanted }) {
  if (wanted) {
    await setup('test')
    await build('web', { target: 'all' })
  }
  const { path: source } = await installModel()
  const opened = []
  const samples = {}
  try {
    for (const family of Object.keys(families)) opened.push(await open(family, source, threads))
    for (let round = 0; round < rounds; round++) {
      for (const { family, generate } of opened) {
        say(`  round ${round + 1}, ${family}`)
        for (const [metric, { request, of }] of metrics) {
          const key = `${metric} ${family}`
          const value = of(await generate(requests[request]))
          samples[key] = [...(samples[key] ?? []), { round, value }]
        }
      }
    }
  } finally {
    for (const one of opened) await one.close()
  }
  const rows = metrics.flatMap(([metric]) =>
    Object.keys(families).map((family) => {
      const ours = samples[`${metric} ${family}`]
      const ratio = ratios(ours, samples[`${metric} llama`], true)
      return [
        ...[metric, family, spread(summary(ours.map(({ value }) => value)))],
        spread(summary(ratio), 'x'),
      ]
    }),
  )
  return table(['metric', 'family', 'tok/s', 'of llama'], rows)
}
