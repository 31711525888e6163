// A result on the page: figures, bars, the course of a generation, the table, and what
// it was measured on.
import { Chart } from '../chart.js'
import { byId, make } from '../dom.js'
import { ago, bytes, count, duration, threads } from '../format.js'
import { barGroup } from './bars.js'
import { headline } from './result.js'
import { summary } from './summary.js'
import { kinds, longName, shortName } from './tests.js'
import { figure, loadWords, platformWords, valueText, warnings } from './words.js'

/** @import { Result, Test } from './result.js' */
/** @import { Kind } from './tests.js' */

const NONE = '–'

export class ResultView {
  #article = byId('result')
  #trace = new Chart(byId('trace'), 'milliseconds between tokens')

  hide() {
    this.#article.hidden = true
  }

  /** @param {Result} result @param {{ shared: boolean }} how */
  show(result, { shared }) {
    const { model, engine, environment, run, tests, trace } = result
    byId('shared-note').hidden = !shared
    byId('run-again').hidden = shared
    byId('result-title').textContent = model.name
    byId('result-about').textContent = [
      model.quantisation,
      `${count(model.params / 1e6)} M parameters`,
      bytes(model.bytes),
      ago(Date.parse(result.created)),
    ].join(' · ')
    byId('result-machine').textContent = [
      environment.browser,
      platformWords(environment),
      threads(engine.threads),
    ].join(' · ')
    const list = warnings(result)
    byId('warnings').hidden = list.length === 0
    byId('warnings').replaceChildren(...list.map((line) => make('li', '', line)))
    byId('tiles').replaceChildren(...tiles(result))
    byId('bars').replaceChildren(...bars(tests))
    for (const body of byId('table').querySelectorAll('tbody')) body.remove()
    byId('table').append(...bodies(tests))
    byId('method').textContent = method(run)
    byId('facts').replaceChildren(...facts(result))
    byId('trace-section').hidden = trace.length < 2
    byId('trace').setAttribute('aria-label', course(trace))
    this.#article.hidden = false
    this.#trace.set(trace)
  }

  focus() {
    this.#article.focus({ preventScroll: true })
    this.#article.closest('main')?.scrollTo(0, 0)
  }
}

/** @param {Result} result */
function tiles(result) {
  const of = (/** @type {Kind} */ kind, /** @type {string} */ name) => {
    const test = headline(result, kind)
    if (!test) return tile(name, NONE, '')
    return tile(name, valueText(summary(test.samples).median, kind), shortName(test))
  }
  return [
    of('decode', 'Generation'),
    of('prefill', 'Prompt'),
    of('first', 'First token'),
    tile('Memory', bytes(result.memory.peak), 'in use, at most'),
  ]
}

/** @param {string} name @param {string} text a number and its unit @param {string} about */
function tile(name, text, about) {
  const [value, unit = ''] = text.split(' ')
  const number = make('dd', '', `${value} `, make('span', 'unit', unit))
  return make('div', 'tile', make('dt', '', name), number, make('dd', 'tile-about', about))
}

/** @param {Test[]} tests */
const bars = (tests) =>
  /** @type {[Kind, string][]} */ ([
    ['decode', 'Generation'],
    ['prefill', 'Prompt'],
  ]).flatMap(([kind, title]) => {
    const mine = tests.filter((test) => test.kind === kind)
    return mine.length ? [barGroup(title, mine, (value) => figure(value))] : []
  })

/** One body of the table for each unit. @param {Test[]} tests */
const bodies = (tests) =>
  /** @type {const} */ ([
    ['tokens/s', 'Speed, tokens per second'],
    ['ms', 'Latency, milliseconds'],
  ]).flatMap(([unit, title]) => {
    const mine = tests.filter(({ kind }) => kinds[kind].unit === unit)
    if (!mine.length) return []
    const head = make('th', 'results-unit', title)
    head.scope = 'rowgroup'
    head.colSpan = 4
    return [make('tbody', '', make('tr', '', head), ...mine.map(row))]
  })

/** @param {Test} test */
function row(test) {
  const { n, median, min, max } = summary(test.samples)
  const name = make(
    'th',
    '',
    make('span', 'test-name', shortName(test)),
    make('span', 'help', longName(test)),
  )
  name.scope = 'row'
  const spread = n > 1 ? `${figure(min)} – ${figure(max)}` : NONE
  return make(
    'tr',
    '',
    name,
    ...[figure(median), spread, String(n)].map((text) => make('td', '', text)),
  )
}

/** The chart in words. @param {number[]} trace */
function course(trace) {
  if (!trace.length) return 'No times'
  const { median, min, max } = summary(trace)
  const range = `${figure(min)} to ${figure(max)}`
  return `Milliseconds between tokens: ${figure(median)} in the middle, ${range}`
}

/** @param {Result['run']} run */
const method = ({ rounds }) =>
  [
    `Medians of ${rounds === 1 ? 'one round' : `${rounds} rounds`},`,
    'after a warm-up that does not count.',
    'Every prompt is another and nothing is reused, which the engine’s own counts prove.',
    'No drafts.',
    'Speeds are by the engine’s clock, times between tokens as the page gets them.',
  ].join(' ')

/** @param {Result} result */
function facts({ created, sotto, model, engine, load, memory, environment }) {
  const { ms } = load
  const { device_memory } = environment
  return [
    factGroup('Loading', [
      ['In all', duration(ms.total)],
      ['From', loadWords(load)],
      ['Worker started', duration(ms.worker)],
      ['Module and first bytes', duration(ms.module)],
      ['Header and vocabulary', duration(ms.header)],
      ['Weights', duration(ms.weights)],
    ]),
    factGroup('Memory', [
      ['In use, at most', bytes(memory.peak)],
      ['Planned', bytes(memory.plan)],
      ['Weights', bytes(memory.weights)],
      ['KV cache', `${bytes(memory.kv)} for ${count(engine.n_ctx)} tokens`],
      ['To compute in', bytes(memory.scratch)],
      ['WebAssembly’s memory', bytes(memory.module)],
    ]),
    factGroup('Engine', [
      ['sotto', sotto],
      ['Model', `${model.architecture}, ${model.quantisation}`],
      ['File', bytes(model.bytes)],
      ['Backend', `${engine.backend}, WebAssembly`],
      ['Kernels', engine.variant],
      ['Threads', String(engine.threads)],
    ]),
    factGroup('Machine', [
      ['Browser', environment.browser],
      ['System', platformWords(environment)],
      ['Logical processors', String(environment.processors)],
      ['Memory', device_memory ? `about ${device_memory} GB` : 'not told'],
      ['Cross-origin isolated', environment.isolated ? 'yes' : 'no'],
      ['Measured', `${created.slice(0, 16).replace('T', ' ')} UTC`],
    ]),
  ]
}

/** @param {string} title @param {[string, string][]} entries */
function factGroup(title, entries) {
  const lines = entries.map(([name, value]) =>
    make('div', '', make('dt', '', name), make('dd', '', value)),
  )
  return make(
    'section',
    '',
    make('h3', 'section-title ruled', title),
    make('dl', 'figures', ...lines),
  )
}
