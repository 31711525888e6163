// `npm run bench -- loads`: loading in Chromium with an empty cache, a full one and one that
// a download has left half full; with the hash and without; from a server that is as fast as
// it goes, and at 20 MB/s.
import { createHash } from 'node:crypto'
import { createReadStream, statSync } from 'node:fs'
import { build } from '../tools/build.mjs'
import { say } from '../tools/lib/report.mjs'
import { setup } from '../tools/setup.mjs'
import { prepare } from './cases.mjs'
import { promptMaker } from './prompts.mjs'
import { Tab } from './runners/tab.mjs'
import { serveBench } from './server.mjs'
import { slowServer } from './slow-server.mjs'
import { summary } from './stats.mjs'
import { spread, table } from './table.mjs'

const MB_PER_S = 20
const PROMPT_TOKENS = 64

/**
 * What is done in a fresh profile, one after the other; `expect` is what engine.info.cache
 * has to say.
 */
const loads = (sha256) => [
  { name: 'no cache', options: { cache: 'no-store' }, expect: 'bypass' },
  { name: 'cold', options: { cache: 'reload' }, expect: 'miss' },
  { name: 'cold, hashed', options: { cache: 'reload', sha256 }, expect: 'miss' },
  { name: 'cached, asked about', options: { cache: 'default' }, expect: 'hit' },
  { name: 'cached, verified before', options: { cache: 'force-cache', sha256 }, expect: 'hit' },
  { name: 'resumed at half', half: true, options: { cache: 'default' }, expect: 'partial' },
]

async function sha256Of(path) {
  const hash = createHash('sha256')
  for await (const piece of createReadStream(path)) hash.update(piece)
  return hash.digest('hex')
}

/** One round of all loads; each begins in a page of its own that has no model. */
async function round(server, model, how, steps, note) {
  const tab = await Tab.open('sotto.js', server.url)
  try {
    for (const { name, options, half, expect } of steps) {
      if (half) await tab.call('loadHalf', { ...how, options: { cache: 'reload' } })
      const { ms, cache, warnings } = await tab.call('load', { ...how, options })
      if (cache.status !== expect)
        throw new Error(`${name}: the cache says ${cache.status}. ${warnings}`)
      if (options.sha256 && !cache.verified) throw new Error(`${name}: not verified`)
      const { prompt_ms } = await tab.call('complete', { ids: model.ids })
      await tab.call('close')
      const fetched = cache.status === 'bypass' ? model.size : cache.fetched_bytes
      note(name, { ms, first: ms + prompt_ms, fetched: fetched / 1e6 })
    }
  } finally {
    await tab.close()
  }
}

/** @param {{ cases: string[], threads: number, rounds: number, build: boolean }} wanted */
export async function benchLoads({ cases, threads, rounds, build: wanted }) {
  if (wanted) {
    await setup('test')
    await build('web', { target: 'all' })
  }
  const rows = []
  const pages = await serveBench()
  try {
    for (const id of cases) {
      const model = await prepare(id)
      const { ids } = promptMaker(model.path)(PROMPT_TOKENS)
      const { size } = statSync(model.path)
      const steps = loads(await sha256Of(model.path))
      for (const rate of [Infinity, MB_PER_S]) {
        const speed = rate === Infinity ? 'as fast as it goes' : `${rate} MB/s`
        say(`  ${id}, ${speed}`)
        const server = await slowServer(model.path, rate * 1e6)
        const source = server.url
        const library = '/sotto/src/browser.js'
        const how = { library, source, how: 'url', n_ctx: model.sizes.n_ctx, threads }
        const values = new Map(steps.map(({ name }) => [name, { ms: [], first: [], fetched: [] }]))
        const note = (name, found) => {
          for (const [key, list] of Object.entries(values.get(name))) list.push(found[key])
        }
        try {
          for (let n = 0; n < rounds; n++) await round(pages, { ids, size }, how, steps, note)
        } finally {
          server.close()
        }
        for (const [name, { ms, first, fetched }] of values) {
          const columns = [ms, first, fetched].map((list) => spread(summary(list)))
          rows.push([id, speed, name, ...columns])
        }
      }
    }
  } finally {
    await pages.close()
  }
  const head = [
    'case',
    'source',
    'load',
    'loaded after, ms',
    'first token after, ms',
    'fetched, MB',
  ]
  return table(head, rows)
}
