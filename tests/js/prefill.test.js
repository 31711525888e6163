// loadModel with a prompt: it is computed while weights arrive, in the order in which the
// program needs them, ends with every failure of loading, and is in the cache afterwards
// with the same bits.
import assert from 'node:assert/strict'
import { open } from 'node:fs/promises'
import { before, test } from 'node:test'
import { loadModel } from 'sotto'
import { realPath, tinyBytes, tinyPath, withEngine, withTiny } from './lib/models.js'
import { rangeServer } from './lib/range-server.js'

const bytes = tinyBytes()
const prompt = Array.from({ length: 100 }, (_, i) => 3 + ((i * 37) % 290))
const options = { n_ctx: 128, n_batch: 16, prefill: { prompt } }
let tensors
let cold

/** What a loaded engine has of the prompt, and how it goes on. */
async function outcome(engine) {
  const request = { prompt, max_tokens: 8, temperature: 0, ignore_eos: true }
  const { choices, timings } = await engine.completions.create(request)
  const state = Buffer.from(await engine.saveState({ tokens: prompt }))
  return { text: choices[0].text, cache_n: timings.cache_n, state }
}

before(async () => {
  await withTiny(
    async (engine) => {
      tensors = (await engine.describe()).tensors
      cold = await outcome(engine)
    },
    { n_ctx: options.n_ctx },
  )
  assert.equal(cold.cache_n, 0)
})

/** The prompt is in the cache, all but the token whose logits are computed anew. */
async function isWarm(engine) {
  const warm = await outcome(engine)
  assert.equal(warm.cache_n, prompt.length - 1)
  assert.equal(warm.text, cold.text)
  assert.ok(warm.state.equals(cold.state), 'the same keys and values')
}

/** Where the first of these tensors begins. */
const startOf = (pattern) =>
  Math.min(...tensors.filter(({ name }) => pattern.test(name)).map(({ offset }) => offset))

/** A source of pieces of 4 KB; `gate(offset)` is awaited before each. */
const gated = (gate, more = {}) => ({
  name: 'gated',
  size: bytes.length,
  supportsRanges: true,
  async *read(offset, length) {
    const end = Math.min(bytes.length, offset + length)
    for (let at = offset; at < end; at += 4096) {
      await gate(at)
      yield bytes.slice(at, Math.min(end, at + 4096))
    }
  },
  ...more,
})

for (const [kind, more] of [
  ['ranges', {}],
  ['a stream', { supportsRanges: false, size: undefined }],
]) {
  test(`the prompt is computed as far as the weights are: ${kind}`, async () => {
    const held = startOf(/^blk\.1\./)
    let release
    const released = new Promise((resolve) => {
      release = resolve
    })
    const seen = []
    const onProgress = (progress) => {
      seen.push(progress)
      // All of the first layer, of two; the second has not been given a matrix.
      if (progress.status === 'prefill' && progress.loaded > 0.4 * prompt.length) release()
    }
    const source = gated((at) => (at >= held ? released : undefined), more)
    await withEngine(source, { ...options, onProgress }, async (engine) => {
      assert.ok(engine.info.load_ms.prefill >= 0)
      await isWarm(engine)
    })
    const prefill = seen.filter(({ status }) => status === 'prefill')
    const loaded = prefill.map((progress) => progress.loaded)
    assert.deepEqual(
      loaded,
      [...loaded].sort((a, b) => a - b),
    )
    assert.deepEqual(prefill.at(-1), { status: 'prefill', loaded: 100, total: 100 })
    const waiting = seen.findIndex(({ status, loaded }) => status === 'prefill' && loaded > 40)
    assert.ok(seen.slice(waiting).some(({ status }) => status === 'weights' || status === 'ready'))
    assert.equal(seen.at(-1).status, 'ready')
    assert.equal(seen.filter(({ status }) => status === 'ready').length, 1)
  })
}

test('any source, any number of threads, a split model, another memory', async () => {
  const server = await rangeServer(bytes)
  const url = `${server.url}/tiny.gguf`
  for (const n_threads of [1, 2, 3]) await withEngine(url, { ...options, n_threads }, isWarm)
  await server.close()
  await withEngine(tinyPath(), options, isWarm)
  await withEngine(bytes.slice(), options, isWarm)
  await withEngine(new Blob([bytes]).stream(), options, isWarm)
  // Larger than the memory that the header is read into: the engine moves.
  await withEngine(tinyPath(), { ...options, n_ctx: 2_300_000 }, isWarm)

  const parts = [1, 2, 3].map((n) => tinyPath(`f16-0000${n}-of-00003`))
  await withEngine(parts, options, async (engine) => {
    const { timings } = await engine.completions.create({ prompt, max_tokens: 1 })
    assert.equal(timings.cache_n, prompt.length - 1)
  })
})

test('messages: the same conversation, and one that begins alike', async () => {
  const system = { role: 'system', content: 'You answer briefly.' }
  const user = { role: 'user', content: 'What is a river?' }
  const messages = [system, user]
  const answer = async (engine, request) => {
    const reply = await engine.chat.completions.create({
      max_tokens: 6,
      temperature: 0,
      ...request,
    })
    return { text: reply.choices[0].message.content, usage: reply.usage }
  }
  const plain = await withTiny((engine) => answer(engine, { messages }))
  await withEngine(tinyPath(), { prefill: { messages } }, async (engine) => {
    const { text, usage } = await answer(engine, { messages })
    assert.equal(text, plain.text)
    assert.equal(usage.prompt_tokens_details.cached_tokens, usage.prompt_tokens - 1)
  })
  const beginning = { messages: [system], add_generation_prompt: false }
  await withEngine(tinyPath(), { prefill: beginning }, async (engine) => {
    const { tokens } = await engine.applyChatTemplate([system], { add_generation_prompt: false })
    const { text, usage } = await answer(engine, { messages })
    assert.equal(text, plain.text)
    assert.equal(usage.prompt_tokens_details.cached_tokens, tokens.length)
  })
  await withEngine(tinyPath(), { prefill: { prompt: 'A river runs' } }, async (engine) => {
    const { usage } = await engine.completions.create({
      prompt: 'A river runs past',
      max_tokens: 1,
    })
    assert.ok(usage.prompt_tokens_details.cached_tokens > 0)
  })
})

test('without memory for a long batch the prompt is computed in short ones', async () => {
  const { total, scratch } = await withTiny((engine) => engine.plan, { n_ctx: 128, n_batch: 16 })
  await withEngine(tinyPath(), { ...options, memory_budget: total }, async (engine) => {
    assert.equal(engine.plan.scratch, scratch)
    await isWarm(engine)
  })
  await withEngine(tinyPath(), options, (engine) => assert.ok(engine.plan.scratch > scratch))
})

/** The model's file, and the ranges of it that were asked for. */
async function watched(work) {
  const file = await open(realPath)
  const ranges = []
  async function* read(offset, length) {
    ranges.push({ offset, length })
    const buffer = new Uint8Array(1 << 18)
    for (let at = offset; at < offset + length; ) {
      const want = Math.min(buffer.length, offset + length - at)
      const { bytesRead } = await file.read(buffer, 0, want, at)
      if (bytesRead === 0) return
      yield buffer.subarray(0, bytesRead)
      at += bytesRead
    }
  }
  try {
    const { size } = await file.stat()
    return await work({ size, supportsRanges: true, read }, ranges)
  } finally {
    await file.close()
  }
}

/** All but four at a time, which may begin in any order. */
const rises = (list) =>
  list.forEach((value, i) => {
    if (i >= 4) assert.ok(value >= list[i - 4], `${value} after ${list.slice(i - 4, i)}`)
  })

test('ranges come in the program’s order with a prompt, else in the file’s', async () => {
  /**
   * The layer that an offset of the default model belongs to; its file has them as text is sorted.
   */
  let layerAt
  let start // of the body
  await watched((source, ranges) =>
    withEngine(source, { n_ctx: 64 }, async (engine) => {
      const list = (await engine.describe()).tensors.sort((a, b) => a.offset - b.offset)
      const numbers = list.map(({ name }) => Number(/^blk\.(\d+)\./.exec(name)?.[1] ?? -1))
      assert.throws(() => rises(numbers.filter((n) => n >= 0)))
      start = list[0].offset
      layerAt = (offset) => numbers[list.findLastIndex((tensor) => tensor.offset <= offset)]
      rises(ranges.slice(1).map(({ offset }) => offset))
      assert.ok(ranges.length < 40, `${ranges.length} ranges`)
    }),
  )
  await watched((source, ranges) =>
    withEngine(source, { n_ctx: 64, prefill: { prompt: 'The river' } }, () => {
      const body = ranges.filter(({ offset }) => offset >= start)
      const asked = body.map(({ offset }) => layerAt(offset))
      const inLayers = asked.filter((layer) => layer >= 0)
      rises(inLayers)
      assert.equal(new Set(inLayers).size, 30)
      assert.equal(asked[0], -1) // the embedding
      assert.ok(body.every(({ length }) => length <= 1 << 20))
    }),
  )
})

test('a prompt that does not fit is refused before the body is fetched', async () => {
  const reads = []
  const { read, ...source } = gated(() => {})
  source.read = (offset, length) => {
    reads.push(offset)
    return read(offset, length)
  }
  const long = { ...options, n_ctx: 96 }
  await assert.rejects(loadModel(source, long), {
    code: 'context_length_exceeded',
    message: /100 tokens and n_ctx is 96/,
  })
  assert.deepEqual(reads, [0], 'only the header')
  const unknown = { ...options, prefill: { prompt: [5, 300] } }
  await assert.rejects(loadModel(source, unknown), { code: 'invalid_argument', message: /300/ })
  assert.deepEqual(reads, [0, 0])
})

test('every failure of loading ends the prompt too', async () => {
  const failing = (error) => {
    const held = startOf(/^blk\.1\./)
    return gated((at) => {
      if (at > held) throw error
    })
  }
  await assert.rejects(loadModel(failing(new Error('the cable is out')), options), {
    code: 'io_error',
    message: /the cable is out/,
  })
  const short = bytes.slice(0, -20_000)
  await assert.rejects(loadModel(short, options), { code: 'truncated_file' })
  await assert.rejects(loadModel(new Blob([short]).stream(), options), { code: 'truncated_file' })

  const damaged = bytes.slice()
  damaged.set([0, 0x7e], startOf(/^blk\.1\.ffn_up\.weight/))
  await assert.rejects(loadModel(damaged, options), { code: 'non_finite_weights' })

  const huge = bytes.slice()
  const norm = startOf(/^blk\.1\.attn_norm\.weight/)
  for (let i = 0; i < 64; i++) new DataView(huge.buffer).setFloat32(norm + 4 * i, 3e38, true)
  await assert.rejects(loadModel(huge, options), { code: 'non_finite_logits', message: /layer 1/ })
})

test('an abort while the prompt is computed gives the reason', async () => {
  const abort = new AbortController()
  const held = startOf(/^blk\.1\./)
  const source = gated((at) => (at > held ? new Promise(() => {}) : undefined))
  const onProgress = ({ status }) => status === 'prefill' && abort.abort(new RangeError('enough'))
  const loading = loadModel(source, { ...options, signal: abort.signal, onProgress })
  await assert.rejects(loading, { name: 'RangeError', message: 'enough' })
})

test('prefill is checked', async () => {
  const message = { role: 'user', content: 'Hi' }
  for (const [value, field] of [
    [{}, 'prefill'],
    ['text', 'prefill'],
    [{ prompt: 'a', messages: [message] }, 'prefill'],
    [{ messages: [] }, 'messages'],
    [{ prompt: 'a', temperature: 0 }, 'temperature'],
    [{ messages: [message], stream: true }, 'stream'],
    [{ prompt: [] }, 'prompt'],
  ]) {
    const error = { code: 'invalid_argument', details: { field } }
    await assert.rejects(loadModel(tinyPath(), { prefill: value }), error)
  }
})
