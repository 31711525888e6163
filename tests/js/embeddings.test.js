// engine.embeddings: OpenAI's shapes, what is refused, the bits of native programs, and a real
// model's vectors beside those of its authors' program.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Fnv } from './lib/fnv.js'
import { withEngine, withTiny } from './lib/models.js'

const root = new URL('../../', import.meta.url)
const pathOf = (name) => fileURLToPath(new URL(`models/${name}.gguf`, root))
const tiny = (name) => pathOf(`tiny/embed-${name}`)
const golden = (name) => readFileSync(new URL(`tests/golden/${name}`, root))

/** The ids of the texts in tests/golden/embed-<name>.golden. */
function textsOf(name) {
  const file = golden(`embed-${name}.golden`)
  const n = file.readUInt32LE(8)
  let at = 16 + 4 * n
  return Array.from({ length: n }, (_, i) =>
    Array.from({ length: file.readUInt32LE(16 + 4 * i) }, () => {
      at += 4
      return file.readInt32LE(at - 4)
    }),
  )
}

const vectorsOf = ({ data }) => data.map(({ embedding }) => embedding)

for (const line of golden('embeddings-hash.txt').toString().trim().split('\n')) {
  const [name, hash] = line.split(' ')
  test(`embed-${name}: the same bits as native programs`, async () => {
    const input = textsOf(name)
    for (const [variant, n_threads, n_parallel] of [
      ['auto', 1, 4],
      ['auto', 2, 2],
      ['simd128', 1, 1],
    ]) {
      await withEngine(tiny(name), { variant, n_threads, n_parallel }, async (engine) => {
        const vectors = vectorsOf(await engine.embeddings.create({ input }))
        const all = new Fnv()
        for (const vector of vectors) all.add(Float32Array.from(vector))
        assert.equal(String(all), hash)
      })
    }
  })
}

test('a reply has the shape that OpenAI gave it', async () => {
  await withEngine(tiny('bert-mean'), {}, async (engine) => {
    assert.equal(engine.info.pooling, 'mean')
    const input = ['hello world', 'the un of']
    const reply = await engine.embeddings.create({ input, model: 'any', user: 'somebody' })
    const ids = await Promise.all(input.map((text) => engine.tokenize(text, { add_special: true })))
    const tokens = ids.flat().length
    assert.deepEqual(Object.keys(reply), ['object', 'data', 'model', 'usage'])
    assert.equal(reply.object, 'list')
    assert.equal(reply.model, engine.info.name)
    assert.deepEqual(reply.usage, { prompt_tokens: tokens, total_tokens: tokens })
    for (const [i, { object, index, embedding }] of reply.data.entries()) {
      assert.equal(object, 'embedding')
      assert.equal(index, i)
      assert.equal(embedding.length, engine.info.n_embd)
      const length = embedding.reduce((sum, value) => sum + value * value, 0)
      assert.ok(Math.abs(length - 1) < 1e-6)
    }
    const [first] = vectorsOf(reply)
    const same = async (request) =>
      assert.deepEqual(vectorsOf(await engine.embeddings.create(request)), [first])
    await same({ input: input[0] })
    await same({ input: ids[0] })
    await same({ input: Int32Array.from(ids[0]) })
    await same({ input: [ids[0]], encoding_format: 'float', dimensions: engine.info.n_embd })
    const [{ embedding }] = (
      await engine.embeddings.create({ input: input[0], encoding_format: 'base64' })
    ).data
    const bytes = Uint8Array.from(Buffer.from(embedding, 'base64'))
    assert.deepEqual(Array.from(new Float32Array(bytes.buffer)), first)
  })
})

test('what cannot be is refused by name, and the engine goes on', async () => {
  await withEngine(tiny('bert-mean'), { n_ctx: 128 }, async (engine) => {
    const [vector] = vectorsOf(await engine.embeddings.create({ input: 'hello' }))
    const refused = (request, code, field, text) =>
      assert.rejects(engine.embeddings.create(request), (error) => {
        assert.equal(error.code, code)
        if (field) assert.equal(error.details.field, field)
        assert.ok(error.message.includes(text), error.message)
        return true
      })
    const invalid = 'invalid_argument'
    await refused({}, invalid, 'input', 'missing')
    for (const input of ['', [], new Int32Array(0)]) {
      await refused({ input }, invalid, 'input', 'empty')
    }
    await refused({ input: ['hello', ''] }, invalid, 'input[1]', 'empty')
    await refused({ input: ['hello', 7] }, invalid, 'input[1]', '7')
    await refused({ input: 7 }, invalid, 'input', '7')
    await refused({ input: [1, -2] }, invalid, 'input', 'token ids')
    await refused({ input: [5000] }, invalid, 'prompt', '5000')
    await refused({ input: 'hello', temperature: 0 }, invalid, 'temperature', 'known')
    await refused({ input: 'hello', encoding_format: 'hex' }, invalid, 'encoding_format', 'hex')
    await refused({ input: 'hello', dimensions: 8 }, invalid, 'dimensions', '36')
    const long = 'hello '.repeat(74)
    await refused({ input: long }, 'context_length_exceeded', undefined, '75 positions')
    await refused({ input: ['a', long] }, 'context_length_exceeded', undefined, 'input[1]: ')
    await assert.rejects(engine.completions.create({ prompt: 'hello' }), {
      code: invalid,
      details: { field: 'model' },
    })
    await assert.rejects(engine.score('hello'), { details: { field: 'model' } })
    const signal = AbortSignal.abort(new Error('enough'))
    await assert.rejects(engine.embeddings.create({ input: 'hello', signal }), /enough/)
    const input = Array(200).fill('hello world')
    const controller = new AbortController()
    const aborted = engine.embeddings.create({ input, signal: controller.signal })
    setTimeout(() => controller.abort(), 5)
    await assert.rejects(aborted, { name: 'AbortError' })
    assert.deepEqual(vectorsOf(await engine.embeddings.create({ input: 'hello' })), [vector])
    const many = vectorsOf(await engine.embeddings.create({ input: Array(100).fill('hello') }))
    assert.equal(many.length, 100)
    for (const one of many) assert.deepEqual(one, vector)
  })
  await withTiny(async (engine) => {
    assert.equal(engine.info.pooling, 'none')
    await assert.rejects(engine.embeddings.create({ input: 'hello' }), (error) => {
      assert.deepEqual(error.details, { field: 'model' })
      return error.code === 'invalid_argument' && error.message.includes('pooling_type')
    })
  })
})

const cosine = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0)

for (const [type, least] of [
  ['F16', 0.999],
  ['Q8_0', 0.99],
]) {
  test(`all-MiniLM-L6-v2 in ${type} gives the vectors of transformers`, async () => {
    const { cases } = JSON.parse(golden('embeddings-minilm.json').toString())
    const model = pathOf(`cache/all-MiniLM-L6-v2.${type}`)
    await withEngine(model, { n_ctx: 2048, n_threads: 2 }, async (engine) => {
      assert.equal(engine.info.name, 'all-MiniLM-L6-v2')
      assert.deepEqual(engine.info.warnings, [])
      const { data, usage } = await engine.embeddings.create({
        input: cases.map(({ input }) => input),
      })
      assert.equal(
        usage.prompt_tokens,
        cases.reduce((sum, { n_tokens: n }) => sum + n, 0),
      )
      const far = []
      for (const [i, { input, embedding }] of cases.entries()) {
        const bytes = Uint8Array.from(Buffer.from(embedding, 'base64'))
        const near = cosine(data[i].embedding, new Float32Array(bytes.buffer))
        if (!(near >= least)) far.push([input, near])
      }
      assert.deepEqual(far, [])
    })
  })
}
