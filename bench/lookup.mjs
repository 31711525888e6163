// `npm run bench -- lookup`: answers with prompt lookup and without, in turn. One answer repeats
// its prompt, one changes it, one has nothing to do with it. All must be the same with and without.
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { build } from '../tools/build.mjs'
import { inRoot } from '../tools/lib/paths.mjs'
import { run } from '../tools/lib/proc.mjs'
import { say } from '../tools/lib/report.mjs'
import { isNewNode, newerNode, wasmtime } from '../tools/setup/packages.mjs'
import { setup } from '../tools/setup.mjs'
import { prepare } from './cases.mjs'
import { Child } from './runners/child.mjs'
import { ratios, summary } from './stats.mjs'
import { spread, table } from './table.mjs'

const letter = `The old lighthouse keeper climbed the narrow stairs every evening, carrying a \
lamp, a book and a small loaf of bread. From the top he could see the whole bay, the fishing boats \
coming home and the lights of the village. He wrote down the weather, the number of ships and the \
direction of the wind, as his father had done before him.`
const code = `function total(items) {
  let sum = 0
  for (const item of items) {
    sum += item.price * item.count
  }
  return sum
}

function average(items) {
  if (items.length === 0) return 0
  let sum = 0
  for (const item of items) {
    sum += item.price
  }
  return sum / items.length
}`
const tasks = {
  'repeats a text': [`Repeat the following text exactly:\n\n${letter}`, 0],
  'edits code': [
    `Rename the variable sum to result in this code and print all of the code:\n\n${code}`,
    0,
  ],
  'explains, sampled': ['Why is the sky blue? Explain in detail.', 0.8],
}
const TOKENS = 200
const SEED = 7

/** An answer under wasmtime, one process each. */
const commandAnswers = (model) => async (content, temperature, prompt_lookup) => {
  const flags = prompt_lookup ? [] : ['--no-prompt-lookup']
  const sampling = ['--temp', String(temperature), '-s', String(SEED), '-n', String(TOKENS)]
  const command = ['run', '-m', model.path, '-p', content, '--json', ...sampling, ...flags]
  const module = inRoot('build', 'wasi', 'sotto.wasm')
  const output = await run(wasmtime(), ['run', `--dir=${dirname(model.path)}`, module, ...command])
  const { text, timings } = JSON.parse(output)
  return { text, timings }
}

/** An answer of an engine that stays loaded. */
const childAnswers = (child) => (content, temperature, prompt_lookup) =>
  child.call('answer', {
    messages: [{ role: 'user', content }],
    ...{ temperature, seed: SEED, max_tokens: TOKENS, cache_prompt: false, prompt_lookup },
  })

async function measure(answer, [content, temperature], rounds) {
  const samples = { true: [], false: [] }
  const replies = {}
  for (let round = 0; round < rounds; round++) {
    for (const lookup of [true, false]) {
      const reply = await answer(content, temperature, lookup)
      samples[lookup].push({ round, value: reply.timings.predicted_per_second })
      replies[lookup] = reply
    }
  }
  if (replies.true.text !== replies.false.text) throw new Error('lookup changed the answer')
  const { predicted_n, draft_n, draft_n_accepted } = replies.true.timings
  const rate = (list) => spread(summary(list.map(({ value }) => value)))
  return [
    ...[String(predicted_n), `${draft_n_accepted} of ${draft_n}`],
    ...[rate(samples.false), rate(samples.true)],
    spread(summary(ratios(samples.true, samples.false, true)), 'x'),
  ]
}

/** @param {{ cases: string[], threads: number, rounds: number, build: boolean }} wanted */
export async function benchLookup({ cases, threads, rounds, build: wanted }) {
  if (wanted) {
    await setup('test')
    await build('web', { target: 'all' })
    await build('wasi', { target: 'sotto' })
  }
  const head = ['case', 'host', 'answer', 'tokens', 'drafts accepted']
  const rows = []
  for (const id of cases) {
    const model = await prepare(id)
    const node = !isNewNode && existsSync(newerNode()) ? newerNode() : process.execPath
    const child = await Child.open('sotto.js', node)
    const library = inRoot('js', 'src', 'node.js')
    await child.call('load', { library, source: model.path, n_ctx: model.sizes.n_ctx, threads })
    const hosts = {
      'wasmtime, 1 thread': commandAnswers(model),
      [`Node.js, ${threads} thread${threads > 1 ? 's' : ''}`]: childAnswers(child),
    }
    try {
      for (const [host, answer] of Object.entries(hosts)) {
        for (const [task, question] of Object.entries(tasks)) {
          say(`  ${id}, ${host}: ${task}`)
          rows.push([id, host, task, ...(await measure(answer, question, rounds))])
        }
      }
    } finally {
      await child.close()
    }
  }
  return table([...head, 'without, tok/s', 'with, tok/s', 'speed-up'], rows)
}
