// The report for people: Markdown tables that also read well in a terminal.
import { cases as knownCases, metricsOf } from './cases.mjs'
import { DISTURBED } from './quiet.mjs'

const digits = (value) => (Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2)
export const number = (value) => value.toFixed(digits(value))
export const spread = ({ median, min, max, n }, unit = '') =>
  n === 1 ? `${number(median)}${unit}` : `${number(median)}${unit} [${number(min)}..${number(max)}]`

/** Columns as wide as their longest entry. */
export function table(head, rows) {
  const all = [head, ...rows]
  const widths = head.map((_, i) => Math.max(...all.map((row) => row[i].length)))
  const line = (row) => `| ${row.map((text, i) => text.padEnd(widths[i])).join(' | ')} |`
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`
  return [line(head), rule, ...rows.map(line)].join('\n')
}

const marks = { stretch: 'stretch met', must: 'met', missed: 'MISSED' }

function namesOf(contenders) {
  return (one) => {
    const { label, threads } = contenders.find(({ id }) => id === one)
    return threads ? `${label}, ${threads} thread${threads > 1 ? 's' : ''}` : label
  }
}

/** A verdict gets a question mark where others disturbed one of its samples. */
const doubt = (...results) =>
  results.some((result) => result?.samples.some(({ others }) => others > DISTURBED)) ? ' ?' : ''

function caseRows({ id, contenders, results, comparisons }, metrics) {
  const nameOf = namesOf(contenders)
  const resultOf = (metric, contender) =>
    results.find((result) => result.metric === metric && result.contender === contender)
  const rows = []
  for (const metric of metrics) {
    const compared = comparisons.filter((comparison) => comparison.metric === metric)
    for (const { host, peer, ratio, target } of compared) {
      rows.push([
        ...[id, `${metric}, ${resultOf(metric, host).unit}`],
        ...[nameOf(host), spread(resultOf(metric, host))],
        ...[nameOf(peer), spread(resultOf(metric, peer))],
        spread(ratio, 'x'),
        target ? `${target.must}x / ${target.stretch}x` : '',
        target ? marks[target.met] + doubt(resultOf(metric, host), resultOf(metric, peer)) : '',
      ])
    }
    for (const { contender, unit, ...result } of results) {
      const alone = compared.every(({ host, peer }) => host !== contender && peer !== contender)
      if (result.metric !== metric || !alone) continue
      const name = nameOf(contender)
      rows.push([id, `${metric}, ${unit}`, name, spread(result), '', '', '', '', ''])
    }
  }
  return rows
}

function checkRows({ id, contenders, results, checks }) {
  const nameOf = namesOf(contenders)
  const resultOf = (check, host) =>
    results.find(({ metric, contender }) => check.startsWith(metric) && contender === host)
  return checks.map(({ check, host, value, unit, bound, met }) => [
    ...[
      id,
      check,
      nameOf(host),
      unit ? `${number(value)} ${unit}` : `${Math.round(100 * value)} %`,
    ],
    bound === null ? '' : unit ? `${bound} ${unit}` : `${Math.round(100 * bound)} %`,
    bound === null ? '' : (met ? 'met' : 'MISSED') + doubt(resultOf(check, host)),
  ])
}

/** The whole report of a run, as `schema.mjs` describes it; or only what has a target. */
export function report(run, { targets = false } = {}) {
  const { machine, engines, limits, sizes, cases, missing } = run
  const cores = `${machine.cores} cores (${machine.flags.join(' ')})`
  const lines = [
    `${machine.cpu}, ${cores}, ${machine.memory_gb} GB, ${machine.system}`,
    ...Object.entries(engines).map(([id, version]) => `${id}: ${version}`),
    ...missing.map(({ id, why }) => `${id}: not measured, ${why}`),
    ...limits.map(
      ({ threads, read_bytes_per_s, dot_macs_per_s, relaxed }) =>
        `limits, ${threads} thread${threads > 1 ? 's' : ''}: ` +
        `reads ${number(read_bytes_per_s / 1e9)} GB/s, ` +
        `${number(dot_macs_per_s / 1e9)} G integer products/s ` +
        `(${relaxed ? 'relaxed' : 'SIMD128'} dot in wasm)`,
    ),
  ]
  for (const { id, results } of cases) {
    const samples = results.flatMap((result) => result.samples)
    const disturbed = samples.filter(({ others }) => others > DISTURBED).length
    if (disturbed === 0) continue
    const count = `${disturbed} of ${samples.length} samples of ${id}`
    lines.push(
      `WARNING: other processes disturbed ${count}; verdicts in doubt have a question mark`,
    )
  }
  const head = ['case', 'metric', 'sotto', 'value', 'peer', 'value', 'ratio', 'must / stretch', '']
  const metrics = (id) => Object.keys(metricsOf(knownCases[id].sizes))
  const kept = (list) => list.filter((row) => !targets || row.at(-1))
  const rows = kept(cases.flatMap((one) => caseRows(one, metrics(one.id))))
  if (rows.length) lines.push('', 'Median [min..max]; a ratio over 1 is in favour of sotto.', '')
  if (rows.length) lines.push(table(head, rows))
  const checks = kept(cases.flatMap(checkRows))
  if (sizes) {
    const value = `${number(sizes.ratio)} x`
    const kb = (bytes) => `${Math.round(bytes / 1000)} KB`
    const files = `${kb(sizes.sotto)}, wllama ${kb(sizes.wllama)}`
    const bound = [`${sizes.bound} x`, sizes.met ? 'met' : 'MISSED']
    checks.push(['all', `wasm + JS gzipped: ${files}`, 'sotto', value, ...bound])
  }
  if (checks.length) {
    lines.push('', table(['case', 'check', 'host', 'value', 'bound', ''], checks))
  }
  for (const { id, failures } of cases) {
    for (const { contender, message } of failures) {
      lines.push(`FAILED: ${id}, ${contender}: ${message.split('\n')[0]}`)
    }
  }
  return lines.join('\n')
}
