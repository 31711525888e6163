// engine.completions and what chat shares with it: shapes, limits, sampling, streams, cancelling,
// several requests at once.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { loadModel } from 'sotto'
import { Fnv } from './lib/fnv.js'
import {
  endlessContext,
  firstToken,
  logitsDigest,
  prompt,
  tinyPath,
  withEngine,
  withTiny,
} from './lib/models.js'

let engine
before(async () => {
  engine = await loadModel(tinyPath(), { n_parallel: 3 })
})
after(() => engine.dispose())

const greedy = { prompt, max_tokens: 12, temperature: 0, ignore_eos: true }
const create = (request) => engine.completions.create({ ...greedy, ...request })
const textOf = (reply) => reply.choices[0].text

async function read(stream, onChunk = () => {}) {
  const chunks = []
  for await (const chunk of stream) {
    chunks.push(chunk)
    onChunk(chunks.length)
  }
  return chunks
}
const joined = (chunks) => chunks.map((chunk) => chunk.choices[0]?.text ?? '').join('')

test('a reply has the shape that OpenAI gave it, with usage and timings', async () => {
  await engine.clearCache()
  const reply = await create()
  const prompt_tokens = (await engine.tokenize(prompt, { add_special: true })).length
  assert.match(reply.id, /^cmpl-\d+$/)
  assert.equal(reply.object, 'text_completion')
  assert.ok(Math.abs(reply.created - Date.now() / 1000) < 10)
  assert.equal(reply.model, engine.info.name)
  assert.equal(reply.choices.length, 1)
  assert.equal(reply.choices[0].index, 0)
  assert.equal(reply.choices[0].finish_reason, 'length')
  assert.equal(reply.choices[0].logprobs, null)
  assert.deepEqual(reply.usage, {
    prompt_tokens,
    completion_tokens: 12,
    total_tokens: prompt_tokens + 12,
    prompt_tokens_details: { cached_tokens: 0 },
  })
  const { timings } = reply
  assert.equal(timings.prompt_n, prompt_tokens)
  assert.equal(timings.cache_n, 0)
  assert.equal(timings.predicted_n, 12)
  for (const key of ['prompt_ms', 'predicted_ms', 'prompt_per_second', 'predicted_per_second']) {
    assert.ok(timings[key] > 0, key)
  }
})

test('prompt lookup drafts tokens and changes no answer', async () => {
  const request = { prompt: 'a b c d a b c d a b', max_tokens: 80, ignore_eos: true, logprobs: 2 }
  for (const temperature of [0, 0.5]) {
    const same = { ...request, temperature, seed: 5, cache_prompt: false }
    const reply = await create(same)
    const plain = await create({ ...same, prompt_lookup: false })
    assert.deepEqual(reply.choices, plain.choices)
    assert.deepEqual(reply.usage, plain.usage)
    assert.deepEqual([plain.timings.draft_n, plain.timings.draft_n_accepted], [0, 0])
    const { draft_n, draft_n_accepted } = reply.timings
    assert.ok(draft_n_accepted <= draft_n)
    if (temperature === 0) assert.ok(draft_n_accepted > 0)
    const chunks = await read(await create({ ...same, stream: true }))
    assert.equal(joined(chunks), textOf(plain))
    assert.equal(chunks.at(-1).timings.draft_n, draft_n)
  }
  const logits = []
  for (const prompt_lookup of [true, false]) {
    const { logprobs: _, ...rest } = request
    const rows = []
    const all = { ...rest, temperature: 0, cache_prompt: false, prompt_lookup }
    for await (const step of engine.logits(all)) rows.push(step)
    logits.push(rows)
  }
  assert.deepEqual(logits[0], logits[1])
  await assert.rejects(create({ prompt_lookup: 1 }), { code: 'invalid_argument' })
})

test('the same prompt again comes from the cache, with the same answer', async () => {
  const first = await create()
  const second = await create()
  const { cached_tokens } = second.usage.prompt_tokens_details
  assert.ok(cached_tokens > 0)
  assert.equal(second.timings.prompt_n, second.usage.prompt_tokens - cached_tokens)
  assert.equal(textOf(second), textOf(first))
  const uncached = await create({ cache_prompt: false })
  assert.equal(uncached.usage.prompt_tokens_details.cached_tokens, 0)
  assert.equal(textOf(uncached), textOf(first))
})

test('a stream gives the same text in chunks, the last with its reason and timings', async () => {
  const whole = await create()
  const chunks = await read(await create({ stream: true }))
  assert.equal(joined(chunks), textOf(whole))
  assert.ok(chunks.every(({ id, object }) => id === chunks[0].id && object === 'text_completion'))
  assert.ok(chunks.slice(0, -1).every((chunk) => chunk.choices[0].finish_reason === null))
  assert.equal(chunks.at(-1).choices[0].finish_reason, 'length')
  assert.equal(chunks.at(-1).timings.predicted_n, 12)
  assert.ok(chunks.every((chunk) => !('usage' in chunk)))
})

test('include_usage adds a last chunk without choices', async () => {
  const stream_options = { include_usage: true }
  const chunks = await read(await create({ stream: true, stream_options }))
  assert.deepEqual(chunks.at(-1).choices, [])
  assert.equal(chunks.at(-1).usage.completion_tokens, 12)
  assert.ok(chunks.slice(0, -1).every(({ usage }) => usage === null))
})

test('token ids as prompt are the same as their text', async () => {
  const ids = await engine.tokenize(prompt, { add_special: true })
  assert.equal(textOf(await create({ prompt: ids })), textOf(await create()))
  assert.equal(textOf(await create({ prompt: Int32Array.from(ids) })), textOf(await create()))
})

test('a seed decides, and another seed decides otherwise', async () => {
  const sample = (seed) => create({ temperature: 1.5, seed, top_k: 0, top_p: 1, min_p: 0 })
  const [a, b, c] = [await sample(1), await sample(1), await sample(2n ** 60n)]
  assert.equal(textOf(a), textOf(b))
  assert.notEqual(textOf(a), textOf(c))
})

test('stop strings end the text before them', async () => {
  const whole = textOf(await create({ max_tokens: 40 }))
  const stop = [...whole].slice(5, 7).join('')
  const reply = await create({ max_tokens: 40, stop: [stop, 'never said'] })
  assert.equal(reply.choices[0].finish_reason, 'stop')
  assert.equal(textOf(reply), whole.slice(0, whole.indexOf(stop)))
})

test('logit_bias bans and forces', async () => {
  const forced = await create({ logit_bias: { 42: 100 }, max_tokens: 3 })
  assert.equal(textOf(forced), (await engine.detokenize([42])).repeat(3))
  const banned = await create({ logit_bias: { 42: -Infinity }, max_tokens: 3 })
  assert.notEqual(textOf(banned), textOf(forced))
})

test('logprobs: of each token and of the likeliest', async () => {
  const reply = await create({ logprobs: 3 })
  const { tokens, token_logprobs, top_logprobs, text_offset } = reply.choices[0].logprobs
  assert.equal(tokens.length, 12)
  assert.equal(text_offset.length, 12)
  assert.ok(token_logprobs.every((logprob) => logprob <= 0 && logprob > -20))
  assert.ok(top_logprobs.every((tops) => Object.keys(tops).length <= 3))
  const chunks = await read(await create({ logprobs: 3, stream: true }))
  const streamed = chunks.flatMap((chunk) => chunk.choices[0].logprobs?.token_logprobs ?? [])
  assert.deepEqual(streamed, token_logprobs)
})

test('max_tokens -1 goes to the end of the context', async () => {
  const reply = await create({ max_tokens: -1 })
  assert.equal(reply.choices[0].finish_reason, 'length')
  assert.ok(reply.usage.total_tokens >= engine.plan.n_ctx - 1)
})

test('a prompt longer than the context is refused, and the engine goes on', async () => {
  const long = create({ prompt: Array(engine.plan.n_ctx + 1).fill(5) })
  await assert.rejects(long, { code: 'context_length_exceeded', message: /\d/ })
  assert.equal((await create()).usage.completion_tokens, 12)
})

test('an unknown token id and an empty prompt are refused', async () => {
  // The core knows the vocabulary, and says which parameter it is.
  const refused = { code: 'invalid_argument', details: { field: 'prompt' } }
  await assert.rejects(create({ prompt: [5, 300] }), refused)
  const unknown = create({ logit_bias: { 300: 1 } })
  await assert.rejects(unknown, { ...refused, details: { field: 'logit_bias' } })
  await assert.rejects(create({ prompt: [] }), { details: { field: 'prompt' } })
  await assert.rejects(create({ prompt: '', add_special: false }), { name: 'SottoError' })
})

const wrong = {
  temperature: [-1, '1', Number.NaN],
  top_k: [1.5, -1],
  top_p: [1.1],
  min_p: [-0.1],
  typical_p: [2],
  repeat_penalty: [-1],
  repeat_last_n: [-2],
  presence_penalty: [Number.POSITIVE_INFINITY],
  frequency_penalty: ['0'],
  max_tokens: [0, -2, 2.5],
  seed: [0.5, '1'],
  stop: ['', ['a', ''], ['\0'], 7],
  logit_bias: [{ x: 1 }, { 1: 'a' }, { 1: Infinity }, 4],
  logprobs: [21, true],
  n: [2],
  best_of: [3],
  echo: [true],
  stream: ['yes'],
  stream_options: [true, { usage: true }],
  signal: [{}],
  temprature: [1],
}
for (const [field, values] of Object.entries(wrong)) {
  test(`${field} is checked`, async () => {
    for (const value of values) {
      const named = (error) =>
        error.code === 'invalid_argument' &&
        (error.details.field === field || field === 'stream_options')
      await assert.rejects(create({ [field]: value }), named)
    }
    if (field !== 'temprature') await create({ [field]: null, max_tokens: 1 })
  })
}

test('an abort while an answer is made', async () => {
  await withTiny(async (endless) => {
    const abort = new AbortController()
    const request = { ...greedy, max_tokens: -1, signal: abort.signal }
    const aborted = assert.rejects(endless.completions.create(request), { name: 'AbortError' })
    await firstToken(endless)
    abort.abort()
    await aborted
  }, endlessContext)
  await assert.rejects(create({ signal: AbortSignal.abort() }), { name: 'AbortError' })
  const reason = new Error('changed my mind')
  await assert.rejects(create({ signal: AbortSignal.abort(reason) }), reason)
})

test('an abort in the middle of a stream, by signal and by method', async () => {
  const abort = new AbortController()
  const { signal } = abort
  const stream = await create({ stream: true, max_tokens: -1, signal })
  const reading = read(stream, (n) => n === 5 && abort.abort())
  await assert.rejects(reading, { name: 'AbortError' })

  const other = await create({ stream: true, max_tokens: -1 })
  await assert.rejects(
    read(other, (n) => n === 5 && other.abort()),
    { name: 'AbortError' },
  )
  assert.deepEqual(await other.next(), { done: true, value: undefined })
  const before = await create({ stream: true, max_tokens: -1 })
  before.abort()
  await assert.rejects(read(before), { name: 'AbortError' })
})

test('leaving a stream early cancels it and frees its sequence', async () => {
  for (let round = 0; round < 8; round++) {
    for await (const chunk of await create({ stream: true, max_tokens: -1 })) {
      assert.ok(chunk.id)
      break
    }
  }
  const stream = await create({ stream: true, max_tokens: -1 })
  const waiting = read(stream)
  await stream.return()
  await waiting
  assert.equal((await create()).usage.completion_tokens, 12)
})

test('streams at once give what each gives alone', async () => {
  const requests = ['A', 'B house', 'See the river run', 'four', '12'].map((text, seed) => ({
    prompt: text,
    max_tokens: 20,
    temperature: 1,
    seed,
    cache_prompt: false,
  }))
  const alone = []
  for (const request of requests) alone.push(textOf(await create(request)))
  const streams = await Promise.all(requests.map((r) => create({ ...r, stream: true })))
  const together = await Promise.all(streams.map((stream) => read(stream)))
  assert.deepEqual(together.map(joined), alone)
})

test('a stream that nobody reads holds up nobody', async () => {
  const unread = await create({ stream: true, max_tokens: 200 })
  assert.equal((await create()).usage.completion_tokens, 12)
  const chunks = await read(unread)
  assert.equal(chunks.at(-1).timings.predicted_n, 200)
})

test('too many requests are refused as busy', async () => {
  // Logits that nobody reads stop the engine: none is answered before all have been asked.
  const unread = engine.logits({ prompt, max_tokens: 2 })
  await unread.next()
  const requests = Array.from({ length: 200 }, () => create({ max_tokens: 2 }))
  const settled = Promise.allSettled(requests)
  await engine.memory()
  await unread.return()
  const refused = (await settled).filter(({ status }) => status === 'rejected')
  assert.ok(refused.every(({ reason }) => reason.code === 'busy'))
  assert.equal(refused.length, 200 - 64)
  assert.equal((await create()).usage.completion_tokens, 12)
})

test('logits: every position of prompt and answer, the same alone and beside others', async () => {
  const alone = await logitsDigest(engine)
  const busy = read(await create({ stream: true, max_tokens: 100, prompt: 'Beside' }))
  assert.deepEqual(await logitsDigest(engine), alone)
  await busy
  const kinds = []
  const tokens = await engine.tokenize(prompt, { add_special: true })
  for await (const { kind, logits } of engine.logits({ prompt: tokens, max_tokens: 2 })) {
    assert.equal(logits.length, engine.info.n_vocab)
    kinds.push(kind)
  }
  assert.equal(kinds.filter((kind) => kind === 'prompt').length, tokens.length)
  for await (const { position } of engine.logits({ prompt: tokens, max_tokens: 50 })) {
    if (position > 3) break
  }
})

test('score: the same bits on every host', async () => {
  // The prompt of engine_prompt_logprobs in tests/c/test_engine.c.
  const head = [5, 17, 42, 99, 120, 7, 33, 64, 200, 210, 3, 80, 81, 82, 83, 84]
  const ids = [...head, ...span(90, 97), ...span(1, 16)]
  const expected = readFileSync(new URL('../golden/score-hash.txt', import.meta.url), 'utf8')
  for (const variant of ['scalar', 'simd128', 'auto']) {
    await withEngine(tinyPath('q4_0'), { variant }, async (other) => {
      const { logprobs } = await other.score(ids)
      const hash = new Fnv()
      hash.add(Float32Array.from(logprobs))
      assert.equal(String(hash), expected.trim(), variant)
    })
  }
})
const span = (from, to) => Array.from({ length: to - from + 1 }, (_, index) => from + index)

test('score: log-probabilities of a text agree with those of its logits', async () => {
  const { tokens, logprobs, nll, perplexity } = await engine.score(prompt)
  const ids = await engine.tokenize(prompt, { add_special: true })
  assert.deepEqual(tokens, ids.slice(1))
  assert.equal(logprobs.length, tokens.length)
  assert.ok(Math.abs(Math.log(perplexity) - nll) < 1e-9)
  const own = []
  for await (const { kind, token, logits } of engine.logits({ prompt: ids, max_tokens: 1 })) {
    if (kind !== 'prompt' || token < 0) continue
    const sum = logits.reduce((total, logit) => total + Math.exp(logit), 0)
    own.push(logits[token] - Math.log(sum))
  }
  assert.ok(own.every((logprob, i) => Math.abs(logprob - logprobs[i]) < 1e-6))
  await assert.rejects(engine.score([5]), { code: 'invalid_argument' })
})
