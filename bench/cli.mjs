// `npm run bench`: sotto and its peers, measured in turn in one run on one machine.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { build } from '../tools/build.mjs'
import { isMain, main } from '../tools/lib/main.mjs'
import { reportTo, say } from '../tools/lib/report.mjs'
import { newerNode } from '../tools/setup/packages.mjs'
import { setup } from '../tools/setup.mjs'
import { cases, metricsOf, prepare, shownCases } from './cases.mjs'
import { contenders, hosts, peers, sets } from './contenders.mjs'
import { benchFamilies, benchFormats, benchLargeFormats } from './families.mjs'
import { benchGpu } from './gpu.mjs'
import { benchKernels } from './kernels.mjs'
import { benchLoads } from './loads.mjs'
import { benchLookup } from './lookup.mjs'
import { describeEngines, describeMachine, sottoVersion } from './machine.mjs'
import { measureCase } from './measure.mjs'
import { benchOverlap } from './overlap.mjs'
import { installPeers } from './peers.mjs'
import { promptMaker } from './prompts.mjs'
import { caseResults, sizeCheck } from './results.mjs'
import { Child } from './runners/child.mjs'
import { schemaProblems } from './schema.mjs'
import { serveBench } from './server.mjs'
import { sottoBytes, wllamaBytes } from './sizes.mjs'
import { report } from './table.mjs'

const options = {
  case: { type: 'string', multiple: true },
  host: { type: 'string', multiple: true },
  peer: { type: 'string', multiple: true },
  metric: { type: 'string', multiple: true },
  threads: { type: 'string', default: '2' },
  rounds: { type: 'string' },
  quick: { type: 'boolean', default: false },
  patient: { type: 'boolean', default: false },
  json: { type: 'string' },
  targets: { type: 'boolean', default: false },
  'no-build': { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
}

const help = `npm run bench -- [options]          all cases, all hosts, all peers
npm run bench -- steps              sotto against itself: what each step brought
npm run bench -- sequences          several sequences at once
npm run bench -- lookup             answers with prompt lookup and without
npm run bench -- overlap            a prompt computed while the model arrives, and after that
npm run bench -- families           every family beside llama, at one shape
npm run bench -- formats            formats of weights beside Q4_0, at one shape
npm run bench -- formats-1b         formats of 4 bits and fewer in the shape of a 1B model
npm run bench -- gpu                three shapes, three formats, on the GPU of this machine
npm run bench -- loads              loading with an empty, a full and a half full cache
npm run bench -- kernels [format]   single kernels under wasmtime
npm run bench -- table FILE         the report of an earlier run, from its JSON

  --quick          one case, within three minutes once everything is installed
  --patient        wait for a quiet machine before each sample, repeat disturbed ones
  --case NAME      ${shownCases.join(', ')}
  --host NAME      sotto in: ${hosts.join(', ')}, none
  --peer NAME      ${peers.join(', ')}, none
  --metric NAME    ${Object.keys(metricsOf(cases[shownCases[0]].sizes)).join(', ')}
  --threads N      of everything but wasmtime and llama-cpp-1; default 2
  --rounds N       samples of each metric; default 5. Slow ones are repeated less often
  --json FILE      all samples, too
  --targets        show only what has a target
  --no-build       measure what is built

Names may be repeated, or joined with commas.`

/** What is measured in another way than sotto and its peers in turn. */
const alone = {
  families: benchFamilies,
  formats: benchFormats,
  'formats-1b': benchLargeFormats,
  gpu: benchGpu,
  loads: benchLoads,
  lookup: benchLookup,
  overlap: benchOverlap,
}

const QUICK = {
  cases: ['smollm2-q4_0'],
  metrics: ['decode', 'prefill-256', 'ttft', 'load-url', 'load-local', 'memory'],
  rounds: 2,
  loads: 1,
}
const FULL = { cases: shownCases, rounds: 5, loads: 3 }
const QUICK_SECONDS = 150
/** Of seconds, for one kind of request of one contender, after the first. */
const PATIENCE = 45

/** Names of a repeated option; all that are shown if there is none. */
function namesOf(option, values, shown, known = shown) {
  const names = (values ?? shown).flatMap((value) => value.split(',')).filter(Boolean)
  const unknown = names.filter((name) => name !== 'none' && !known.includes(name))
  if (unknown.length) throw new Error(`--${option} ${unknown}: there are ${shown.join(', ')}`)
  return names.filter((name) => name !== 'none')
}

function countOf(option, text) {
  const count = Number(text)
  if (Number.isInteger(count) && count > 0) return count
  throw new Error(`--${option} ${text}: must be a positive number`)
}

/** What the command line asks for. */
export function plan(argv) {
  const { values, positionals } = parseArgs({ args: argv, options, allowPositionals: true })
  const [command] = positionals
  if (command && !['kernels', 'table', ...Object.keys(alone)].includes(command) && !sets[command]) {
    throw new Error(`"${command}" is unknown; npm run bench -- --help`)
  }
  const { quick, patient, json, targets, help } = values
  const set = sets[command]
  const defaults = { ...(quick ? QUICK : FULL), ...(set && { cases: QUICK.cases, ...set }) }
  if (alone[command]) defaults.cases = QUICK.cases
  const ids = namesOf('case', values.case ?? defaults.cases, shownCases, Object.keys(cases))
  const known = [...new Set(ids.flatMap((id) => Object.keys(metricsOf(cases[id].sizes))))]
  const usual = values.case && !set ? known : (defaults.metrics ?? known)
  const rounds = countOf('rounds', values.rounds ?? defaults.rounds)
  return {
    ...{ quick, patient, json, targets, help, argv, set, rounds },
    build: !values['no-build'],
    kernels: command === 'kernels' ? positionals.slice(1) : undefined,
    alone: alone[command],
    table: command === 'table' ? positionals[1] : undefined,
    cases: ids,
    metrics: namesOf('metric', values.metric ?? usual, known),
    contenders: [...namesOf('host', values.host, hosts), ...namesOf('peer', values.peer, peers)],
    threads: countOf('threads', values.threads),
    loads: Math.min(rounds, defaults.loads),
  }
}

/** Builds and installs what the contenders need. */
async function makeReady(present, wanted) {
  if (wanted.build) {
    const needs = new Set(present.map(({ needs }) => needs).filter(Boolean))
    const targets = { web: 'all', wasi: 'sotto' }
    for (const preset of needs) await build(preset, { target: targets[preset] })
  }
  if (present.some(({ kind }) => kind === 'peer')) await installPeers()
}

/** The limits at every number of threads that takes part, under the newest Node.js at hand. */
async function measureLimits(present, threads) {
  const counts = new Set([threads, ...present.map((contender) => contender.threads), 1])
  const results = []
  for (const count of counts) {
    const child = await Child.open('limits.mjs', existsSync(newerNode()) ? newerNode() : undefined)
    results.push(await child.call('measure', { threads: count }))
    await child.close()
  }
  return results
}

/** The best of several measurements: a limit is what nothing gets beyond. */
const bestLimits = (lists) =>
  lists[0].map((first, i) => {
    const best = (field) => Math.max(...lists.map((list) => list[i][field]))
    const rates = ['read_bytes_per_s', 'dot_macs_per_s'].map((field) => [field, best(field)])
    return { ...first, ...Object.fromEntries(rates) }
  })

/** Measures and returns what `schema.mjs` describes. */
export async function bench(wanted) {
  const { threads, rounds, loads, quick, patient, set } = wanted
  if (wanted.build) await setup('test')
  const { present, missing } = set
    ? { present: set.make(threads), missing: [] }
    : contenders(wanted.contenders, threads)
  await makeReady(present, wanted)
  const models = []
  for (const id of wanted.cases) models.push(await prepare(id))
  const deadline = quick ? performance.now() + 1000 * QUICK_SECONDS : Number.POSITIVE_INFINITY
  const limits = []
  const measured = []
  const server = await serveBench()
  try {
    for (const model of models) {
      say(`── ${model.id}`)
      limits.push(await measureLimits(present, threads))
      const facts = new Map()
      const of = { model, contenders: present, threads, facts }
      const results = await measureCase({
        ...{ ...of, server: server.url, loads, rounds, deadline, patient, patience: PATIENCE },
        prompt: promptMaker(model.path),
        wanted: (id) => wanted.metrics.includes(id),
        note: (text) => say(`  ${text}`),
      })
      measured.push({ ...of, ...results })
    }
  } finally {
    await server.close()
  }
  limits.push(await measureLimits(present, threads))
  const best = bestLimits(limits)
  const machine = describeMachine()
  const hasWllama = present.some(({ id }) => id === 'wllama')
  return {
    schema: 1,
    created: new Date().toISOString(),
    command: wanted.argv,
    sotto: sottoVersion(),
    ...{ threads, rounds, quick },
    machine,
    engines: describeEngines(present.map(({ id }) => id)),
    missing,
    limits: best,
    sizes: hasWllama ? sizeCheck(sottoBytes(), wllamaBytes()) : null,
    cases: measured.map((one) => caseResults({ ...one, limits: best, cpu: machine.cpu })),
  }
}

if (isMain(import.meta.url)) {
  await main(async () => {
    const wanted = plan(process.argv.slice(2))
    if (wanted.help) return say(help)
    reportTo(process.stderr)
    if (wanted.kernels) return await benchKernels(wanted.kernels)
    if (wanted.alone) return process.stdout.write(`${await wanted.alone(wanted)}\n`)
    const run = wanted.table ? JSON.parse(readFileSync(wanted.table, 'utf8')) : await bench(wanted)
    process.stdout.write(`${report(run, wanted)}\n`)
    if (wanted.json) writeFileSync(wanted.json, `${JSON.stringify(run, null, 2)}\n`)
    const problems = schemaProblems(run)
    if (problems.length) throw new Error(`the results break their schema:\n${problems.join('\n')}`)
  })
}
