// A result as a table in Markdown, in llama-bench's columns, with the latencies
// and the machine below.
import { bytes, duration } from '../format.js'
import { summary } from './summary.js'
import { kinds, shortName } from './tests.js'
import { loadWords, machineWords, warnings } from './words.js'

/** @import { Result, Test } from './result.js' */

/**
 * @param {Result} result
 * @param {string} [link] to the result
 */
export function markdownTable(result, link) {
  const { model, engine, load, memory, run, tests } = result
  const of = (/** @type {string} */ unit) => tests.filter(({ kind }) => kinds[kind].unit === unit)
  const about = [
    plain(`${model.name} ${model.quantisation}`),
    `${(model.bytes / 2 ** 20).toFixed(2)} MiB`,
    `${(model.params / 1e6).toFixed(2)} M`,
    plain(`wasm ${engine.backend}`),
    plain(engine.variant),
    String(engine.threads),
  ]
  const head = ['model', 'size', 'params', 'backend', 'variant', 'threads', 'test', 't/s']
  const rule = ['---', '---:', '---:', '---', '---', '---:', '---:', '---:']
  const lines = [
    ...table(head, rule, of('tokens/s'), (test) => [...about, shortName(test), spread(test)]),
    '',
    ...table(['latency', 'ms'], ['---', '---:'], of('ms'), (test) => [
      shortName(test),
      spread(test),
    ]),
    '',
    `Median [lowest..highest] of ${run.rounds} rounds, warm-up not counted. ` +
      `${plain(machineWords(result))}.`,
    `Loaded in ${duration(load.ms.total)} (${loadWords(load)}); ` +
      `at most ${bytes(memory.peak)} of memory in use.`,
    ...warnings(result),
    ...(link ? ['', link] : []),
  ]
  return `${lines.join('\n')}\n`
}

/**
 * @param {string[]} head
 * @param {string[]} rule
 * @param {Test[]} tests
 * @param {(test: Test) => string[]} cells
 */
const table = (head, rule, tests, cells) =>
  [head, rule, ...tests.map(cells)].map((row) => `| ${row.join(' | ')} |`)

/** @param {Test} test */
function spread({ samples }) {
  const { n, median, min, max } = summary(samples)
  const figure = (/** @type {number} */ value) => value.toFixed(2)
  return n === 1 ? figure(median) : `${figure(median)} [${figure(min)}..${figure(max)}]`
}

/** Names come out of files and links: nothing in them is Markdown or HTML. @param {string} text */
const plain = (text) => text.replace(/[\\`*_{}[\]<>()#+!|&~]/g, '\\$&')
