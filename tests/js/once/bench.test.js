// The benchmark runs, and what it writes has the shape that it promises; no times are judged.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { plan } from '../../../bench/cli.mjs'
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
