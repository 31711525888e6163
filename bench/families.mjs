// `npm run bench -- families`, `formats` and `formats-1b`: models that differ in one thing, at the
// same shape and beside each other in the same rounds. Weights are random, with the default model's
// vocabulary.
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

// SmolLM2 135M's shape, and one like it whose rows are all of blocks of 256 weights.
const smol = { width: 576, layers: 30, heads: 9, kvHeads: 3, head: 64, ffn: 1536, vocab: 49152 }
const wide = { ...smol, width: 768, layers: 16, heads: 12, kvHeads: 4, ffn: 2048 }

const sizes = { short: 16, prompt: 256, long: 1024, decode: 64 }
const requests = requestsOf(sizes)
const metrics = Object.entries(metricsOf(sizes)).filter(([id]) => /^(decode|prefill-256)$/.test(id))
const WARM = { length: 64, n: 16 }

/** @param {{ name: string, file: string, type: string, change: object }} model */
async function open({ name, file, type, change }, source, threads) {
  const path = join(modelCache, file)
  if (!existsSync(path)) {
    await step(`Make ${path}`, () => makeRandom(source, path, type, change))
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
  return { name, generate, close: () => child.close() }
}

/** The first of the models is what the others are compared with. */
async function benchModels(kind, models, { threads, rounds, build: wanted }) {
  if (wanted) {
    await setup('test')
    await build('web', { target: 'all' })
  }
  const { path: source } = await installModel()
  const opened = []
  const samples = {}
  try {
    for (const model of models) opened.push(await open(model, source, threads))
    for (let round = 0; round < rounds; round++) {
      for (const { name, generate } of opened) {
        say(`  round ${round + 1}, ${name}`)
        for (const [metric, { request, of }] of metrics) {
          const key = `${metric} ${name}`
          const value = of(await generate(requests[request]))
          samples[key] = [...(samples[key] ?? []), { round, value }]
        }
      }
    }
  } finally {
    for (const one of opened) await one.close()
  }
  const first = models[0].name
  const rows = metrics.flatMap(([metric]) =>
    models.map(({ name }) => {
      const ours = samples[`${metric} ${name}`]
      const ratio = ratios(ours, samples[`${metric} ${first}`], true)
      return [
        ...[metric, name, spread(summary(ours.map(({ value }) => value)))],
        spread(summary(ratio), 'x'),
      ]
    }),
  )
  return table(['metric', kind, 'tok/s', `of ${first}`], rows)
}

/** @param {{ threads: number, rounds: number, build: boolean }} wanted */
export const benchFamilies = (wanted) =>
  benchModels(
    'family',
    Object.keys(families).map((family) => ({
      ...{ name: family, file: `random-135m-${family}.Q4_0.gguf`, type: 'Q4_0' },
      change: { family, ...smol },
    })),
    wanted,
  )

const formats = ['Q4_0', 'Q8_0', 'Q2_K', 'Q3_K', 'Q4_K_M', 'Q6_K', 'IQ4_NL', 'IQ4_XS', 'MXFP4']

/** @param {{ threads: number, rounds: number, build: boolean }} wanted */
export const benchFormats = (wanted) =>
  benchModels(
    'format',
    formats.map((type) => ({
      ...{ name: type, file: `random-150m.${type}.gguf`, type },
      change: wide,
    })),
    wanted,
  )

const largeFormats = ['Q4_0', 'Q2_K', 'Q3_K', 'IQ4_NL', 'IQ4_XS']

/** In the shape of Llama 3.2 1B, which no cache holds. */
export const benchLargeFormats = (wanted) =>
  benchModels(
    'format',
    largeFormats.map((type) => ({ name: type, file: `random-1b.${type}.gguf`, type, change: {} })),
    wanted,
  )
