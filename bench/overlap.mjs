// `npm run bench -- overlap`: a prompt of 1,024 tokens given to loadModel, and the same prompt
// behind loading, from a source of 20 MB/s and from a file. What counts is how much of the prompt's
// time is left when the last byte has come.
import { existsSync } from 'node:fs'
import { build } from '../tools/build.mjs'
import { inRoot } from '../tools/lib/paths.mjs'
import { say } from '../tools/lib/report.mjs'
import { isNewNode, newerNode } from '../tools/setup/packages.mjs'
import { setup } from '../tools/setup.mjs'
import { prepare } from './cases.mjs'
import { promptMaker } from './prompts.mjs'
import { Child } from './runners/child.mjs'
import { slowServer } from './slow-server.mjs'
import { summary } from './stats.mjs'
import { spread, table } from './table.mjs'

const MB_PER_S = 20
const TARGET = 0.3

/** Loads in a process of its own; `prompt_ms` is what a request with the prompt takes then. */
async function load(how, ids, together) {
  const node = !isNewNode && existsSync(newerNode()) ? newerNode() : process.execPath
  const child = await Child.open('sotto.js', node)
  try {
    const options = together ? { prefill: { prompt: ids } } : {}
    const { load_ms } = await child.call('load', { ...how, options })
    const { prompt_ms, cache_n } = await child.call('complete', { ids })
    if (cache_n !== (together ? ids.length - 1 : 0))
      throw new Error(`${cache_n} tokens were cached`)
    return { load_ms, prompt_ms, total: load_ms.total + prompt_ms }
  } finally {
    await child.close()
  }
}

async function measure(how, ids, rounds) {
  const values = { prompt: [], left: [], share: [], apart: [], together: [] }
  for (let round = 0; round < rounds; round++) {
    const apart = await load(how, ids, false)
    const together = await load(how, ids, true)
    values.prompt.push(apart.prompt_ms)
    values.left.push(together.load_ms.prefill)
    values.share.push((100 * together.load_ms.prefill) / apart.prompt_ms)
    values.apart.push(apart.total)
    values.together.push(together.total)
  }
  return Object.values(values).map(summary)
}

/** @param {{ cases: string[], threads: number, rounds: number, build: boolean }} wanted */
export async function benchOverlap({ cases, threads, rounds, build: wanted }) {
  if (wanted) {
    await setup('test')
    await build('web', { target: 'all' })
  }
  const library = inRoot('js', 'src', 'node.js')
  const rows = []
  for (const id of cases) {
    const model = await prepare(id)
    const ids = promptMaker(model.path)(model.sizes.long).ids
    const server = await slowServer(model.path, MB_PER_S * 1e6)
    const sources = { [`${MB_PER_S} MB/s`]: server.url, file: model.path }
    try {
      for (const [name, source] of Object.entries(sources)) {
        say(`  ${id}, ${name}`)
        const how = { library, source, n_ctx: model.sizes.n_ctx, threads }
        const [prompt, left, share, ...totals] = await measure(how, ids, rounds)
        const reached = name === 'file' ? '' : share.median <= 100 * TARGET ? ' ✓' : ' ✗'
        rows.push([
          ...[id, name, spread(prompt), spread(left), `${spread(share)} %${reached}`],
          ...totals.map((total) => spread(total)),
        ])
      }
    } finally {
      server.close()
    }
  }
  const head = ['case', 'source', 'prompt alone, ms', 'left after the last byte, ms', 'share']
  return table([...head, 'load, then prompt, ms', 'together, ms'], rows)
}
