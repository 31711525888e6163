// From samples to results: summaries, ratios with their targets, and shares of
// the machine's limits.
import { bounds, metricsOf, targets } from './cases.mjs'
import { comparable } from './contenders.mjs'
import { ratios, summary } from './stats.mjs'

/** What loading in Chromium is held against: the same file, fetched and thrown away. */
const bareFetch = { id: 'fetch', label: 'bare fetch, Chromium' }

/** What a case's JSON holds. */
export function caseResults({ model, contenders, facts, limits, threads, cpu, ...measured }) {
  const { samples, failures, others_share } = measured
  const metrics = metricsOf(model.sizes)
  const results = []
  const comparisons = []
  for (const [metric, { unit, better }] of Object.entries(metrics)) {
    for (const { id } of [...contenders, bareFetch]) {
      const list = samples.get(id, metric)
      if (list.length === 0) continue
      const values = list.map(({ value }) => value)
      results.push({ metric, unit, contender: id, samples: list, ...summary(values) })
    }
    const native = fasterNative(samples, metric, better)
    for (const [host, peer] of pairs(contenders)) {
      const ours = samples.get(host.id, metric)
      const list = ratios(ours, samples.get(peer.id, metric), better === 'higher')
      if (list.length === 0) continue
      const ratio = summary(list)
      const names = [peer.id, ...(peer.id === native ? ['native'] : [])]
      const wanted = { metric, model, host, names, threads, cpu, median: ratio.median }
      const target = targetOf(wanted)
      comparisons.push({ metric, host: host.id, peer: peer.id, ratio, target })
    }
  }
  return {
    id: model.id,
    file: model.file.split('/').at(-1),
    file_bytes: model.fileBytes,
    weight_bytes: model.weightBytes,
    bytes_per_token: model.bytesPerToken,
    others_share,
    contenders: [...contenders, bareFetch].map(({ id, label }) => ({
      id,
      label,
      threads: facts.get(id)?.threads ?? null,
      variant: facts.get(id)?.variant ?? null,
    })),
    results,
    comparisons,
    checks: checks({ model, contenders, samples, facts, limits }),
    failures,
  }
}

function pairs(contenders) {
  const of = (kind) => contenders.filter((contender) => contender.kind === kind)
  return of('sotto').flatMap((host) =>
    of('peer')
      .filter((peer) => comparable(host, peer))
      .map((peer) => [host, peer]),
  )
}

/** llama.cpp with that number of threads, of those measured, which is the better for it. */
function fasterNative(samples, metric, better) {
  const known = ['llama-cpp', 'llama-cpp-1'].flatMap((id) => {
    const middle = summary(samples.get(id, metric).map(({ value }) => value))?.median
    return middle === undefined ? [] : [{ id, cost: better === 'higher' ? -middle : middle }]
  })
  return known.sort((a, b) => a.cost - b.cost)[0]?.id
}

/** Targets are set for two threads, and one under wasmtime. */
function targetOf({ metric, model, host, names, threads, cpu, median }) {
  const found = targets.find(
    (target) =>
      target.metric === metric &&
      names.includes(target.peer) &&
      target.hosts.includes(host.id) &&
      target.cases.includes(model.id),
  )
  if (!found || (threads !== 2 && host.threads !== 1)) return null
  const [must, stretch] = (cpu.startsWith('Intel') && found.intel) || found.ratio
  return { must, stretch, met: met(median, must, stretch) }
}

const met = (value, must, stretch) =>
  value >= stretch ? 'stretch' : value >= must ? 'must' : 'missed'

// ---- shares of limits ---------------------------------------------------------------------------

/**
 * Values held against a bound: { check, host, value, unit, bound, met }; bound null: for reading.
 */
function checks({ model, contenders, samples, facts, limits }) {
  const list = []
  const middle = (id, metric) => summary(samples.get(id, metric).map(({ value }) => value))?.median
  const add = (check, host, value, unit, bound, ok) => {
    if (Number.isFinite(value)) list.push({ check, host, value, unit, bound, met: ok })
  }
  for (const { id, kind } of contenders) {
    const threads = facts.get(id)?.threads
    const limit = limits.find((one) => one.threads === threads)
    if (!limit) continue
    const share = (metric, perToken, peak) => (middle(id, metric) * perToken) / peak
    const read = share('decode', model.bytesPerToken, limit.read_bytes_per_s)
    const ours = kind === 'sotto' && threads > 1
    const bound = ours ? (bounds.bandwidth[model.bitsPerWeight] ?? null) : null
    add('decode, share of read bandwidth', id, read, '', bound, bound === null || read >= bound)
    const prefill = Object.keys(metricsOf(model.sizes)).find((name) => name.startsWith('prefill'))
    const dots = share(prefill, model.macsPerPromptToken, limit.dot_macs_per_s)
    add(`${prefill}, share of integer dot peak`, id, dots, '', null, true)
  }
  const fetches = ratios(
    samples.get('chromium', 'load-url'),
    samples.get('fetch', 'load-url'),
    true,
  )
  if (fetches.length) {
    const { median } = summary(fetches)
    add('load-url, in bare fetches', 'chromium', median, 'x', bounds.load, median <= bounds.load)
  }
  const weights = model.weightBytes / 1e6
  const above = middle('chromium', 'memory') - weights
  add(
    'memory of the tab above the weights',
    'chromium',
    above,
    'MB',
    bounds.memory,
    above <= bounds.memory,
  )
  const linear = middle('chromium', 'linear-memory') - weights
  add('linear memory above the weights', 'chromium', linear, 'MB', null, true)
  return list
}

/** Compressed sizes, for the whole run. */
export function sizeCheck(sotto, wllama) {
  const ratio = wllama / sotto
  return { sotto, wllama, ratio, bound: bounds.size, met: ratio >= bounds.size }
}
