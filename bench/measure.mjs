// The measuring itself: loads, then requests, each contender in turn, round after round (A B A B).
import { freemem } from 'node:os'
import { metricsOf, requestsOf } from './cases.mjs'
import { undisturbed } from './quiet.mjs'

const MB = 1e6

/** Samples by contender and metric: { round, value, others }. */
export class Samples {
  #lists = new Map()
  #others = []

  /** `others`: the share of the machine that other processes took meanwhile. */
  add(contender, metric, round, value, others) {
    const key = `${contender} ${metric}`
    if (!this.#lists.has(key)) this.#lists.set(key, [])
    this.#lists.get(key).push({ round, value, others })
    this.#others.push(others)
  }

  /** The mean over all samples. */
  get others_share() {
    return this.#others.reduce((sum, share) => sum + share / this.#others.length, 0)
  }

  get = (contender, metric) => this.#lists.get(`${contender} ${metric}`) ?? []
}

/**
 * What a run of one case has in common.
 * @typedef {object} Run
 * @property {any} model as `prepare` gives it
 * @property {any[]} contenders
 * @property {string} server URL
 * @property {(length: number) => { ids: number[], text: string }} prompt
 * @property {number} threads
 * @property {number} loads samples of each way to load
 * @property {number} rounds samples of each request
 * @property {boolean} patient whether to wait for a quiet machine
 * @property {number} patience seconds for one metric of one contender, after the first sample
 * @property {(id: string) => boolean} wanted metrics
 * @property {number} deadline in performance.now()'s time
 * @property {(text: string) => void} note
 * @property {Map<string, any>} facts what the engines said about themselves
 */

/** All samples of a case. A contender that fails is left out from there on; `failures` says why. */
export async function measureCase(run) {
  const samples = new Samples()
  const failures = []
  const working = { ...run, contenders: [...run.contenders], failures }
  await measureLoads(working, samples)
  await measureRequests(working, samples)
  return { samples, failures, others_share: samples.others_share }
}

const late = ({ deadline }) => performance.now() > deadline

/** Work under way at the deadline has a little longer. */
const GRACE_MS = 15_000

function untilDeadline({ deadline }, work) {
  if (deadline === Number.POSITIVE_INFINITY) return work()
  return new Promise((resolve, reject) => {
    const left = Math.max(0, deadline - performance.now()) + GRACE_MS
    const timer = setTimeout(() => reject(new Error('not ready by the deadline')), left)
    work()
      .then(resolve, reject)
      .finally(() => clearTimeout(timer))
  })
}

/** Runs work for a contender; a failure takes it out of the run. */
async function attempt(run, contender, work) {
  try {
    return await untilDeadline(run, work)
  } catch (error) {
    run.failures.push({ contender: contender.id, message: error.message })
    run.contenders = run.contenders.filter((other) => other !== contender)
    run.note(`${contender.label}: ${error.message}`)
    return undefined
  }
}

async function openAndLoad(run, contender, how, n_ctx) {
  const { model, server, threads, facts } = run
  const runner = await contender.open(server)
  try {
    const source = contender.source(model, server)
    if (how === 'cached') await runner.call('cache', { source })
    const wanted = { threads: Math.min(contender.threads, threads), n_ctx }
    const { library, options } = contender
    const loaded = await runner.call('load', { library, source, how, options, ...wanted })
    facts.set(contender.id, { threads: loaded.threads, variant: loaded.variant })
    return { runner, ms: loaded.ms }
  } catch (error) {
    await runner.close()
    throw error
  }
}

// ---- loading ------------------------------------------------------------------------------------

/** Every sample has a process or a browser of its own, with nothing cached but what `how` says. */
async function measureLoads(run, samples) {
  const metrics = ['load-url', 'load-local', 'memory']
  if (!metrics.some(run.wanted)) return
  for (let round = 0; round < run.loads; round++) {
    for (const contender of [...run.contenders]) {
      if (late(run)) return
      await attempt(run, contender, async () => {
        for (const metric of Object.keys(contender.how)) {
          if (!run.wanted(metric) && !run.wanted('memory')) continue
          run.note(`${contender.label}: ${metric} ${round + 1}`)
          const { value, others } = await undisturbed(run, () => loadOnce(run, contender, metric))
          for (const [id, number] of Object.entries(value)) {
            if (number !== undefined) samples.add(contender.id, id, round, number, others)
          }
        }
        if (contender.id === 'chromium' && run.wanted('load-url')) {
          const { value, others } = await undisturbed(run, () => fetchTime(run, contender))
          samples.add('fetch', 'load-url', round, value, others)
        }
      })
    }
  }
}

/** Metrics of one load; memory is that of the first way to load, after a little work. */
async function loadOnce(run, contender, metric) {
  const { warm, short, memory_ctx } = run.model.sizes
  const { runner, ms } = await openAndLoad(run, contender, contender.how[metric], memory_ctx)
  try {
    const time = run.wanted(metric) ? { [metric]: ms } : {}
    if (metric !== Object.keys(contender.how)[0]) return time
    await runner.call('generate', { ...run.prompt(warm), n: short })
    const { peak, baseline } = runner.resident()
    const { linear } = await runner.call('memory')
    if (!peak) return time
    return { ...time, memory: (peak - baseline) / MB, 'linear-memory': linear && linear / MB }
  } finally {
    await runner.close()
  }
}

/** A bare fetch of the same file, in a browser of its own. */
async function fetchTime({ server, model }, contender) {
  const tab = await contender.open(server)
  try {
    return (await tab.call('drain', { source: contender.source(model, server) })).ms
  } finally {
    await tab.close()
  }
}

// ---- requests -----------------------------------------------------------------------------------

/** All engines stay loaded; where memory does not suffice, they take turns. */
async function measureRequests(run, samples) {
  const { model, rounds } = run
  const metrics = Object.entries(metricsOf(model.sizes))
  const asked = Object.entries(requestsOf(model.sizes)).filter(([kind]) =>
    metrics.some(([id, { request }]) => request === kind && run.wanted(id)),
  )
  if (asked.length === 0) return
  const need = 1.6 * model.fileBytes * run.contenders.length
  run.together = need < 0.8 * freemem()
  const open = new Map()
  const spent = new Map()
  try {
    for (let round = 0; round < rounds; round++) {
      for (const [kind, request] of asked) {
        for (const contender of [...run.contenders]) {
          if (late(run)) return
          const key = `${contender.id} ${kind}`
          const [total, last] = spent.get(key) ?? [0, 0]
          if (round > 0 && total + last > run.patience) continue
          run.note(`${contender.label}: ${kind} ${round + 1}`)
          const begin = performance.now()
          const result = await attempt(run, contender, async () => {
            await warmUp(run, open, contender)
            return undisturbed(run, () => ask(run, open, contender, request))
          })
          const seconds = (performance.now() - begin) / 1000
          spent.set(key, [total + seconds, seconds])
          if (!result) continue
          for (const [id, { request: of, of: number }] of metrics) {
            if (of !== kind || !run.wanted(id)) continue
            samples.add(contender.id, id, round, number(result.value), result.others)
          }
        }
      }
    }
  } finally {
    for (const runner of open.values()) await runner.close().catch(() => {})
  }
}

/** Loads an engine that is not, and lets it run once. */
async function warmUp(run, open, contender) {
  if (open.has(contender.id)) return
  if (!run.together) await closeAll(open)
  const { copies = 1, how } = contender
  const { n_ctx, warm, short } = run.model.sizes
  const { runner } = await openAndLoad(run, contender, Object.values(how)[0], copies * n_ctx)
  open.set(contender.id, runner)
  await runner.call('generate', { ...run.prompt(warm), n: Math.min(8, short), copies })
}

/** One request to a loaded and warm engine, or several equally long ones at once. */
async function ask(run, open, { id, copies = 1 }, { length, n }) {
  const answer = await open.get(id).call('generate', { ...run.prompt(length), n, copies })
  const { prompt_n, decode_n, cache_n } = answer
  if (prompt_n !== copies * length || decode_n !== copies * n || cache_n) {
    const got = `${prompt_n} and ${decode_n}, ${cache_n} from a cache`
    throw new Error(`asked for ${length} and ${n} tokens, measured ${got}`)
  }
  return answer
}

async function closeAll(open) {
  for (const [id, runner] of open) {
    open.delete(id)
    await runner.close()
  }
}
