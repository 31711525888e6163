// The benchmark runs, and what it writes has the shape that it promises; no times are judged.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { cases } from '../../../bench/cases.mjs'
import { plan } from '../../../bench/cli.mjs'
import { caseResults } from '../../../bench/results.mjs'
import { schemaProblems } from '../../../bench/schema.mjs'
import { median, ratios, summary } from '../../../bench/stats.mjs'
import { inRoot } from '../../../tools/lib/paths.mjs'
import { run } from '../../../tools/lib/proc.mjs'

const folder = mkdtempSync(join(tmpdir(), 'sotto-bench-test-'))
after(() => rmSync(folder, { recursive: true, force: true }))

test('a tiny case without peers fills the schema', async () => {
  const json = join(folder, 'bench.json')
  const what = ['--case', 'tiny', '--peer', 'none', '--host', 'node24,node20,wasmtime']
  const how = ['--rounds', '2', '--threads', '1', '--no-build', '--json', json]
  const table = await run(process.execPath, [inRoot('bench', 'cli.mjs'), ...what, ...how])
  const written = JSON.parse(readFileSync(json, 'utf8'))
  assert.deepEqual(schemaProblems(written), [])
  const [{ id, results, failures }] = written.cases
  assert.deepEqual([id, failures], ['tiny', []])
  const wanted = ['decode', 'prefill-32', 'ttft', 'prefill-64', 'decode-64', 'load-local', 'memory']
  for (const host of ['node24', 'wasmtime']) {
    const metrics = results.filter(({ contender }) => contender === host)
    assert.deepEqual(metrics.map(({ metric }) => metric).sort(), wanted.sort())
    assert.ok(metrics.every(({ n, min, median, max }) => n === 2 && min <= median && median <= max))
  }
  const { cpu } = written.machine
  assert.ok(
    cpu && table.split('\n').some((line) => line.startsWith(`${cpu}, `)),
    'names the processor',
  )
  assert.match(table, /\| tiny +\| decode, tok\/s +\| sotto, Node\.js 24/)
  const limits = written.limits.find(({ threads }) => threads === 1)
  assert.ok(limits.read_bytes_per_s > 1e8 && limits.dot_macs_per_s > 1e8)

  written.cases[0].results[0].median = Number.NaN
  written.cases[0].results[1].unit = 'miles'
  written.more = 1
  assert.deepEqual(schemaProblems(written), [
    'run.cases[0].results[0].median: must be a finite number',
    'run.cases[0].results[1].unit: must be one of tok/s, ms, MB',
    'run.more: is not in the schema',
  ])
})

test('a target counts against the number of threads that llama.cpp is faster with', () => {
  const rates = {
    chromium: { decode: 300, 'prefill-256': 600 },
    'llama-cpp': { decode: 60, 'prefill-256': 1000 },
    'llama-cpp-1': { decode: 200, 'prefill-256': 700 },
  }
  const samples = {
    get: (id, metric) =>
      rates[id]?.[metric] ? [{ round: 0, value: rates[id][metric], others: 0 }] : [],
  }
  const { sizes } = cases['smollm2-q4_0']
  const contenders = [
    { id: 'chromium', kind: 'sotto', label: 'sotto', threads: 2 },
    { id: 'llama-cpp', kind: 'peer', label: 'llama.cpp', threads: 2 },
    { id: 'llama-cpp-1', kind: 'peer', label: 'llama.cpp', threads: 1 },
  ]
  const results = (cpu) =>
    caseResults({
      ...{ model: { id: 'smollm2-q4_0', file: 'a.gguf', sizes, weightBytes: 1, bytesPerToken: 1 } },
      ...{ contenders, samples, facts: new Map(), limits: [], threads: 2, cpu },
      ...{ failures: [], others_share: 0 },
    }).comparisons
  const held = (cpu) =>
    results(cpu)
      .filter(({ target }) => target)
      .map(({ metric, peer, target }) => `${metric} ${peer} ${target.met}`)
  assert.deepEqual(held('AMD EPYC'), ['decode llama-cpp-1 stretch', 'prefill-256 llama-cpp missed'])
  assert.deepEqual(held('Intel(R) Xeon(R) Processor (cpu family 6, model 143)'), [
    'decode llama-cpp-1 stretch',
    'prefill-256 llama-cpp must',
  ])
})

test('ratios are taken pair by pair, and above 1 is in our favour', () => {
  const of = (...values) => values.map((value, round) => ({ round, value }))
  assert.deepEqual(ratios(of(10, 30), of(5, 10, 1), true), [2, 3])
  assert.deepEqual(ratios(of(10, 30), of(5, 60), false), [0.5, 2])
  assert.deepEqual(ratios(of(1).slice(1), of(1), true), [])
  assert.equal(median([3, 1, 2, 10]), 2.5)
  assert.deepEqual(summary([2, 9, 1]), { n: 3, median: 2, min: 1, max: 9 })
  assert.equal(summary([]), undefined)
})

test('names on the command line are checked', () => {
  const { cases, contenders, rounds } = plan(['--case', 'tiny', '--host', 'none', '--quick'])
  assert.deepEqual([cases, contenders.includes('chromium'), rounds], [['tiny'], false, 2])
  assert.equal(plan(['kernels', 'q4_0']).kernels[0], 'q4_0')
  for (const command of ['loads', 'lookup', 'overlap']) {
    assert.deepEqual(plan([command]).cases, ['smollm2-q4_0'])
    assert.equal(typeof plan([command]).alone, 'function')
  }
  assert.deepEqual(plan(['steps']).metrics, ['decode', 'prefill-256'])
  assert.throws(() => plan(['--case', 'tinier']), /--case tinier: there are smollm2-q4_0/)
  assert.throws(() => plan(['--metric', 'beauty']), /decode-1024/)
  assert.throws(() => plan(['--rounds', '0']), /positive/)
  assert.throws(() => plan(['quick']), /"quick" is unknown/)
})
