// Parts of the benchmark's page that need no browser: which tests there are, medians, what proves a
// sample, links, the table.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deflateRawSync } from 'node:zlib'
import { LinkError } from '../../web/src/bench/check.js'
import { browserName, platformName } from '../../web/src/bench/environment.js'
import { isLine, lineOf } from '../../web/src/bench/line.js'
import { markdownTable } from '../../web/src/bench/markdown-table.js'
import { measure, proven, SpoiledSample } from '../../web/src/bench/measure.js'
import { headline, resultJson } from '../../web/src/bench/result.js'
import { fragmentOf, hasResult, resultFrom } from '../../web/src/bench/share.js'
import { median, medianSeries, rounded, summary } from '../../web/src/bench/summary.js'
import {
  asksFor,
  figuresOf,
  longName,
  presets,
  shortName,
  warmUpOf,
} from '../../web/src/bench/tests.js'
import { warnings } from '../../web/src/bench/words.js'
import { changed, plainFragment, result } from './lib/bench.js'

const namesOf = (asks) => asks.flatMap((ask) => figuresOf(ask, asks).map(shortName))

test('medians, spreads, and the median of a course', () => {
  assert.equal(median([3, 1, 2]), 2)
  assert.equal(median([4, 1, 2, 3]), 2.5)
  assert.deepEqual(summary([5, 1, 3]), { n: 3, median: 3, min: 1, max: 5 })
  const series = [
    [1, 5, 9],
    [3, 4],
    [2, 6, 7],
  ]
  assert.deepEqual(medianSeries(series), [2, 5])
  assert.deepEqual(medianSeries([]), [])
  assert.equal(rounded(1234.567), 1235)
  assert.equal(rounded(0.00123456), 0.001235)
})

test('the tests of each preset, as far as a context holds them', () => {
  const gaps = (name) => [name, `${name} p50`, `${name} p95`]
  const standard = ['pp64', 'pp256', 'ttft256', ...gaps('tg128'), 'pp512', ...gaps('tg128 @ d512')]
  assert.deepEqual(namesOf(asksFor('standard', 1280)), standard)
  assert.deepEqual(namesOf(asksFor('long', 1280)), [
    ...standard,
    ...['pp1024', ...gaps('tg128 @ d1024')],
  ])
  assert.deepEqual(namesOf(asksFor('standard', 256)), ['pp64', 'ttft64', ...gaps('tg128')])
  assert.deepEqual(namesOf(asksFor('standard', 70)), ['pp64', 'ttft64', ...gaps('tg64')])
  assert.deepEqual(asksFor('quick', 8), [])
  const warmUp = warmUpOf(presets.long.asks)
  assert.ok(warmUp.some(({ n }) => n > 0) && warmUp.every(({ prompt }) => prompt <= 256))
  assert.equal(
    longName({ kind: 'decode', tokens: 128, depth: 512 }),
    '128 tokens one by one after 512',
  )
})

test('the figures that stand for a result', () => {
  assert.equal(headline(result, 'decode').depth, 0)
  assert.equal(headline(result, 'prefill').tokens, 256)
  assert.equal(headline(result, 'gap_p95'), undefined)
  const file = JSON.parse(resultJson(result))
  assert.equal(file.version, 1)
  const [first] = file.tests
  assert.deepEqual(
    [first.test, first.unit, first.median, first.min, first.max, first.n],
    [...['pp256', 'tokens/s'], ...[1100, 1000, 1200, 3]],
  )
})

const timings = {
  ...{ cache_n: 0, prompt_n: 4, prompt_ms: 2, prompt_per_second: 2000 },
  ...{
    predicted_n: 3,
    predicted_ms: 10,
    predicted_per_second: 300,
    draft_n: 0,
    draft_n_accepted: 0,
  },
}

/** An engine that answers every request alike. */
const engineOf = (chunks) => ({
  completions: {
    async *stream() {
      yield* chunks
    },
    async create(request) {
      this.request = request
      return this.stream()
    },
  },
})

test('a sample counts only if the engine computed all of it, and nothing else', () => {
  const asked = { prompt: 4, n: 2 }
  assert.equal(proven(timings, asked), timings)
  for (const wrong of [
    ...[{ cache_n: 1, prompt_n: 3 }, { cache_n: 1 }, { prompt_n: 5 }, { predicted_n: 2 }],
    ...[{ draft_n: 1 }, { prompt_ms: 0 }, { predicted_ms: 0 }],
  ])
    assert.throws(() => proven({ ...timings, ...wrong }, asked), SpoiledSample)
  assert.throws(() => proven(undefined, asked), SpoiledSample)
})

test('a sample: rates without the first token, which is the prompt’s; no reuse', async () => {
  const text = (piece) => ({ choices: [{ text: piece }] })
  const engine = engineOf([text('a'), text('b'), text('c'), { ...text(''), timings }])
  const { signal } = new AbortController()
  const { values, gaps } = await measure(engine, [1, 2, 3, 4], 2, signal)
  assert.deepEqual([values.prefill, values.decode, gaps.length], [2000, 200, 2])
  assert.ok(values.first >= 0 && values.gap_p95 >= values.gap_p50)
  const { request } = engine.completions
  assert.deepEqual(
    [request.cache_prompt, request.prompt_lookup, request.max_tokens],
    [false, false, 3],
  )
  const reused = engineOf([{ ...text('a'), timings: { ...timings, cache_n: 4, prompt_n: 0 } }])
  await assert.rejects(measure(reused, [1, 2, 3, 4], 2, signal), SpoiledSample)
})

test('a link holds the whole result, packed and plain', async () => {
  const fragment = await fragmentOf(result)
  assert.match(fragment, /^#r=[zj][\w-]+$/)
  assert.ok(hasResult(fragment) && !hasResult('#bench') && !hasResult(''))
  assert.deepEqual(await resultFrom(fragment), result)
  assert.deepEqual(await resultFrom(plainFragment(result)), result)
  const packed = deflateRawSync(JSON.stringify(result)).toString('base64url')
  assert.deepEqual(await resultFrom(`#r=z${packed}`), result)
})

test('what a link says too much is left out', async () => {
  const more = changed((r) => {
    Object.assign(r, { extra: 1 })
    Object.assign(r.model, { url: 'https://elsewhere.example/x.gguf' })
    Object.assign(r.tests[0], { median: 1e9, onclick: 'x' })
  })
  assert.deepEqual(await resultFrom(plainFragment(more)), result)
  const polluted = JSON.stringify(result).replace('{', '{"__proto__":{"polluted":1},')
  assert.deepEqual(await resultFrom(plainFragment(polluted)), result)
  assert.equal({}.polluted, undefined)
})

test('a hostile or broken link is refused in words', async () => {
  const refused = (hash, reason) =>
    assert.rejects(resultFrom(hash), (error) => {
      assert.ok(error instanceof LinkError, error.stack)
      assert.match(error.message, reason)
      assert.ok(error.message.length < 250)
      return true
    })
  const packed = (text) => `#r=z${deflateRawSync(text).toString('base64url')}`
  for (const hash of [
    '#r=',
    '#r=z',
    '#r=x123',
    '#r=z%41',
    '#r=j<b>',
    '#r=jAAA=',
    '#r=j A',
    '#r=jA',
  ])
    await refused(hash, /damaged/)
  await refused('#r=zAAAA', /damaged/)
  await refused(`#r=z${Buffer.from('no deflated bytes').toString('base64url')}`, /damaged/)
  await refused((await fragmentOf(result)).slice(0, -20), /damaged/)
  await refused('#r=j_____w', /damaged/) // no UTF-8
  for (const text of ['', '{', '"x', 'undefined'])
    await refused(plainFragment(`${text} `), /damaged/)
  await refused(`#r=j${'A'.repeat(30_000)}`, /too long/)
  await refused(packed(' '.repeat(10_000_000)), /too large/)
  for (const value of ['null', '1', '[]', '"text"'])
    await refused(packed(value), /damaged|no result/)
  await refused(packed('{}'), /no result/)
  await refused(plainFragment(changed((r) => Object.assign(r, { version: 2 }))), /newer version/)
  await refused(
    plainFragment(changed((r) => Object.assign(r, { version: '1' }))),
    /version must be/,
  )
  const cases = [
    [/created/, (r) => Object.assign(r, { created: '<script>' })],
    [/created/, (r) => Object.assign(r, { created: '2026-99-04T03:02:01Z' })],
    [/model must be an object/, (r) => Object.assign(r, { model: [] })],
    [/model.name/, (r) => Object.assign(r.model, { name: 7 })],
    [/model.name/, (r) => Object.assign(r.model, { name: 'x'.repeat(161) })],
    [/model.name/, (r) => Object.assign(r.model, { name: 'two\nlines' })],
    [/model.name/, (r) => Object.assign(r.model, { name: 'turned \u202e around' })],
    [/model.sha256/, (r) => Object.assign(r.model, { sha256: 'z'.repeat(64) })],
    [/model.bytes/, (r) => Object.assign(r.model, { bytes: -1 })],
    [/model.params/, (r) => Object.assign(r.model, { params: 1e300 })],
    [/engine.threads/, (r) => Object.assign(r.engine, { threads: 1.5 })],
    [/load.source/, (r) => Object.assign(r.load, { source: 'constructor' })],
    [/load.ms.total/, (r) => delete r.load.ms.total],
    [/memory.peak/, (r) => Object.assign(r.memory, { peak: null })],
    [/environment.isolated/, (r) => Object.assign(r.environment, { isolated: 'yes' })],
    [/run.preset/, (r) => Object.assign(r.run, { preset: '__proto__' })],
    [/tests must be/, (r) => Object.assign(r, { tests: [] })],
    [/tests must be/, (r) => Object.assign(r, { tests: Array(41).fill(r.tests[0]) })],
    [/tests\[1\].kind/, (r) => Object.assign(r.tests[1], { kind: 'toString' })],
    [/tests\[0\].samples/, (r) => Object.assign(r.tests[0], { samples: [] })],
    [/tests\[0\].samples/, (r) => Object.assign(r.tests[0], { samples: Array(41).fill(1) })],
    [/tests\[0\].samples\[1\]/, (r) => Object.assign(r.tests[0], { samples: [1, '2'] })],
    [/tests\[2\].tokens/, (r) => Object.assign(r.tests[2], { tokens: 1e9 })],
    [/trace must be/, (r) => Object.assign(r, { trace: Array(601).fill(1) })],
    [/trace\[0\]/, (r) => Object.assign(r, { trace: [{}] })],
  ]
  for (const [reason, change] of cases) await refused(plainFragment(changed(change)), reason)
})

test('names of files become lines that links take', () => {
  assert.equal(lineOf('a\u202eb\nc'), 'a b c')
  assert.ok(isLine(lineOf(`${'\u0007x'.repeat(200)}`)))
  assert.ok(!isLine('a\u2028b') && isLine('Größe 1.5 B'))
})

test('a table in Markdown: llama-bench’s columns, and names that are only names', () => {
  const table = markdownTable(result, 'https://example.com/bench.html#r=x')
  const [head, rule, first] = table.split('\n')
  assert.equal(head, '| model | size | params | backend | variant | threads | test | t/s |')
  assert.equal(rule.split('|').length, head.split('|').length)
  assert.equal(
    first,
    '| A model \\| \\<b\\>bold\\</b\\> Q4\\_0 | 93.81 MiB | 134.52 M | wasm cpu | relaxed ' +
      '| 2 | pp256 | 1100.00 [1000.00..1200.00] |',
  )
  assert.match(table, /\| tg128 @ d512 \| 200\.00 \|/)
  assert.match(table, /\| ttft256 \| 240\.00 \[230\.00\.\.250\.00\] \|/)
  assert.match(table, /Firefox 150, Linux, 8 logical processors, 2 threads, cross-origin isolated/)
  assert.match(table, /from the cache/)
  assert.ok(table.endsWith('https://example.com/bench.html#r=x\n'))
})

test('what a reader has to be told', () => {
  assert.deepEqual(warnings(result), [])
  const told = warnings(
    changed((r) => {
      Object.assign(r.run, { disturbed: 1, discarded: 2 })
      Object.assign(r.engine, { threads: 1, threads_reason: 'no shared memory' })
    }),
  )
  assert.match(told[0], /hidden or stood still during one measurement/)
  assert.match(told[1], /^2 measurements did not compute/)
  assert.match(told[2], /One thread computed: no shared memory/)
})

test('browsers by their names', () => {
  const brands = (...names) => names.map((brand) => ({ brand, version: '140' }))
  assert.equal(
    browserName(brands('Chromium', 'Not=A?Brand', 'Google Chrome'), ''),
    'Google Chrome 140',
  )
  assert.equal(browserName(brands('Not;A=Brand', 'Chromium'), ''), 'Chromium 140')
  const agents = {
    'Firefox 151': 'Mozilla/5.0 (X11; Linux x86_64; rv:151.0) Gecko/20100101 Firefox/151.0',
    'Safari 26.1':
      'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 ' +
      '(KHTML, like Gecko) Version/26.1 Safari/605.1.15',
    'Edge 140':
      'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 ' +
      '(KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0',
  }
  for (const [name, agent] of Object.entries(agents)) assert.equal(browserName([], agent), name)
  assert.deepEqual(Object.values(agents).map(platformName), ['Linux', 'macOS', 'Windows'])
  assert.equal(browserName([], 'curl'), 'unknown browser')
})
