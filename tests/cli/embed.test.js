// sotto embed: its output to the byte, what it refuses, and a real model's vectors beside those of
// its authors' program.
import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { expectFile, failsWith, json, root, scratch, sotto, succeeds, tiny } from './command.js'

const model = ['-m', 'models/tiny/embed-bert-mean.gguf']
const minilm = 'models/cache/all-MiniLM-L6-v2.Q8_0.gguf'

test('embed: a line of numbers for each line of a file, and for a text', async () => {
  const path = join(scratch, 'texts.txt')
  writeFileSync(path, 'Hello, world\r\nun of the λ')
  const lines = await succeeds(['embed', ...model, '-f', path])
  expectFile('embed.txt', lines)
  const [first, second, ...rest] = lines.split('\n')
  assert.deepEqual(rest, [''])
  assert.equal(await succeeds(['embed', ...model, '-p', 'hello , WORLD']), `${first}\n`)
  assert.equal(
    await succeeds(['embed', ...model, '-f', '-'], { input: 'un of the λ\n' }),
    `${second}\n`,
  )
  const list = await json(['embed', ...model, '--json', '-f', path])
  assert.deepEqual(list, {
    object: 'list',
    data: [first, second].map((line, index) => ({
      object: 'embedding',
      index,
      embedding: line.split(' ').map(Number),
    })),
    usage: { prompt_tokens: 11, total_tokens: 11 },
  })
})

test('embed: what cannot be is refused', async () => {
  await failsWith(1, 'there is no text; give one with -p or -f', ['embed', ...model])
  const empty = await sotto(['embed', ...model, '--json'], { input: 'hello\n\nworld\n' })
  assert.equal(empty.code, 1)
  assert.equal(JSON.parse(empty.stdout).error.code, 'invalid_argument')
  assert.match(empty.stderr, /line 2 is empty/)
  const long = await sotto(['embed', ...model, '-p', 'hello '.repeat(74)])
  assert.equal(long.code, 1)
  assert.match(long.stderr, /has 76 tokens and the model has learned 75 positions/)
  const other = await sotto(['embed', '-m', tiny('f32'), '-p', 'hello'])
  assert.equal(other.code, 1)
  assert.match(other.stderr, /gives no embeddings: .*pooling_type/)
  const text = await sotto(['run', ...model, '-p', 'hello'])
  assert.equal(text.code, 1)
  assert.match(text.stderr, /gives embeddings .* and neither text nor logits/)
})

test('embed: all-MiniLM-L6-v2 gives the vectors of transformers', {
  skip: !existsSync(join(root, minilm)) && 'not fetched',
}, async () => {
  const golden = join(root, 'tests/golden/embeddings-minilm.json')
  const { cases } = JSON.parse(readFileSync(golden, 'utf8'))
  const lines = cases.filter(({ input }) => /^[^\n]+$/.test(input) && typeof input === 'string')
  assert.ok(lines.length > 12)
  const input = lines.map((line) => line.input).join('\n')
  const vectors = (await succeeds(['embed', '-m', minilm], { input })).trim().split('\n')
  assert.equal(vectors.length, lines.length)
  for (const [i, { embedding }] of lines.entries()) {
    const bytes = Uint8Array.from(Buffer.from(embedding, 'base64'))
    const expected = new Float32Array(bytes.buffer)
    const cosine = vectors[i].split(' ').reduce((sum, value, k) => sum + value * expected[k], 0)
    assert.ok(cosine >= 0.99, `${lines[i].input}: ${cosine}`)
  }
})
