// Families beside the default model's: the bits that native programs and wasmtime compute, models
// that only score, and what is refused or warned of because not all of a model is understood.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { loadModel } from 'sotto'
import { logitsHash } from './lib/fnv.js'
import { tinyBytes, withEngine } from './lib/models.js'

const root = new URL('../../', import.meta.url)
const bytesOf = (name) => new Uint8Array(readFileSync(new URL(`models/tiny/${name}.gguf`, root)))
const hashes = readFileSync(new URL('tests/golden/families-hash.txt', root), 'utf8')
  .trim()
  .split('\n')
  .map((line) => line.split(' '))

/** The ids that tests/golden/<name>.golden begins with. */
function idsOf(name) {
  const file = readFileSync(new URL(`tests/golden/${name}.golden`, root))
  return Array.from({ length: file.readUInt32LE(8) }, (_, i) => file.readInt32LE(16 + 4 * i))
}

for (const [name, hash] of hashes) {
  test(`${name}: the same bits as native programs`, async () => {
    const prompt = idsOf(name)
    const expected = { hash, positions: prompt.length + 8 }
    const greedy = { max_tokens: 8, temperature: 0, ignore_eos: true, cache_prompt: false }
    for (const [variant, n_threads, n_batch] of [
      ['auto', 1, 64],
      ['auto', 2, 19],
      ['simd128', 1, 33],
    ]) {
      const options = { variant, n_threads, n_batch, n_ctx: 128 }
      await withEngine(bytesOf(name), options, async (engine) => {
        assert.deepEqual(await logitsHash(engine, { prompt, ...greedy }), expected)
      })
    }
  })
}

/** The bytes with every `from` as `to`, which is as long. */
function renamed(bytes, from, to) {
  assert.equal(from.length, to.length)
  const file = Buffer.from(bytes)
  let count = 0
  for (let at = file.indexOf(from); at >= 0; at = file.indexOf(from, at)) {
    file.write(to, at, 'latin1')
    count++
  }
  assert.ok(count > 0, `no ${from}`)
  return new Uint8Array(file)
}

test('a model that attends in both directions scores texts and generates none', async () => {
  await withEngine(bytesOf('family-llama-noncausal'), { n_ctx: 128 }, async (engine) => {
    const text = 'The whole text is seen from everywhere.'
    const logits = []
    for await (const step of engine.logits({ prompt: text, max_tokens: 0 })) logits.push(step)
    assert.equal(logits.length, (await engine.tokenize(text)).length)
    assert.ok(logits.every(({ kind }) => kind === 'prompt'))
    const once = await engine.score(text)
    assert.ok(Number.isFinite(once.perplexity))
    assert.deepEqual(await engine.score(text), once)
    await assert.rejects(engine.completions.create({ prompt: text, max_tokens: 4 }), (error) => {
      assert.equal(error.code, 'invalid_argument')
      return /not causal/.test(error.message)
    })
    assert.deepEqual(await engine.score(text), once)
  })
})

test('a tensor that the family has no place for is refused by its name', async () => {
  const bytes = renamed(bytesOf('family-llama-biases'), 'blk.1.ffn_up.bias', 'blk.1.ffn_ux.bias')
  await assert.rejects(loadModel(bytes), (error) => {
    assert.equal(error.code, 'unsupported_architecture')
    return error.message.includes('blk.1.ffn_ux.bias')
  })
})

test('a key that nobody knows is a warning, as is a context beyond the trained one', async () => {
  const bytes = renamed(
    tinyBytes('f32'),
    'llama.rope.dimension_count',
    'llama.rope.dimension_wount',
  )
  await withEngine(tinyBytes('f32'), { n_ctx: 128 }, ({ info }) => {
    assert.deepEqual(info.warnings, [])
  })
  await withEngine(bytes, { n_ctx: 128 }, ({ info }) => {
    assert.equal(info.warnings.length, 1)
    assert.match(info.warnings[0], /llama\.rope\.dimension_wount/)
  })
  await withEngine(tinyBytes('f32'), { n_ctx: 65536 }, ({ info }) => {
    assert.equal(info.warnings.length, 1)
    assert.match(info.warnings[0], /65536/)
    assert.match(info.warnings[0], new RegExp(String(info.n_ctx_train)))
  })
})
