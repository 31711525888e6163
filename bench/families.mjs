// `npm run bench -- families`: every family at the same shape, beside llama in the same rounds. The shape
// is SmolLM2 135M's, weights are random Q4_0 with the default model's vocabulary.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { families, makeRandom } from '../models/make-random.mjs'
import { build } from '../tools/build.mjs'
import { inRoot, modelCache } from '../tools/lib/paths.mjs'
import { say, step } from '../tools/lib/report.mjs'
import { installModel, isNewNode, newerNode } from '../tools/setup/packages.mjs'
import { setup } from '../tools/setup.mjs'
import { promptMaker } from './prompts.mjs'
import { Child } from './runners/child.mjs'
import { ratios, summary } from './stats.mjs'
import { spread, table } from './table.mjs'

const shape = { width: 576, layers: 30, heads: 9, kvHeads: 3, head: 64, ffn: 1536, vocab: 49152 }
const metrics = {
  decode: { request: { length: 16, n: 64 }, of: (r) => (1000 * r.decode_n) / r.decode_ms },
  'prefill-256': { request: { length: 256, n: 0 }, of: (r) => (1000 * r.prompt_n) / r.prompt_ms },
}
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
        for (const [metric, { request, of }] of Object.entries(metrics)) {
          const key = `${metric} ${family}`
          samples[key] = [...(samples[key] ?? []), { round, value: of(await generate(request)) }]
        }
      }
    }
  } finally {
    for (const one of opened) await one.close()
  }
  const rows = Object.keys(metrics).flatMap((metric) =>
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
