// sotto tokenize, inspect, perplexity and bench.
import assert from 'node:assert/strict'
import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { defaultModel, expectFile, json, root, scratch, sotto, succeeds, tiny } from './command.js'
import { readList, tensorTable, writeHeader } from './lib/headers.js'

const model = ['-m', tiny('f32')]

test('tokenize: text to ids and back', async () => {
  const text = 'Hello, wörld! \t 你好 👋🏽\n\n  <|im_start|> done'
  const args = ['tokenize', ...model, '--no-bos']
  const ids = await succeeds([...args, '--ids', '--stdin'], { input: text })
  assert.match(ids, /^\[\d+(, \d+)*\]\n$/)
  assert.equal(await succeeds(['tokenize', ...model, '--decode'], { input: ids }), text)
  const result = await json([...args, '--json', '-p', text])
  assert.deepEqual(result.ids, JSON.parse(ids))
  assert.equal(result.count, result.ids.length)
  assert.equal(result.tokens.length, result.ids.length)
  const lines = await succeeds([...args, '--show-count', '-p', 'Hello'])
  const plain = await json([...args, '--json', '-p', 'Hello'])
  const row = (id, i) => `${String(id).padStart(6)} -> ${JSON.stringify(plain.tokens[i])}\n`
  const count = `Total number of tokens: ${plain.count}\n`
  assert.equal(lines, plain.ids.map(row).join('') + count)
})

test('tokenize: special tokens only where the text is trusted', async () => {
  const args = ['tokenize', ...model, '--no-bos', '--ids', '-p', '<|im_start|>']
  const plain = JSON.parse(await succeeds(args))
  const special = JSON.parse(await succeeds([...args, '--parse-special']))
  assert.ok(plain.length > 1)
  assert.equal(special.length, 1)
  const decode = ['tokenize', ...model, '--decode', '-p', String(special)]
  assert.equal(await succeeds(decode), '')
  assert.equal(await succeeds([...decode, '--parse-special']), '<|im_start|>')
  const outside = await sotto(['tokenize', ...model, '--decode', '-p', '1000000'])
  assert.equal(outside.code, 1)
})

test('tokenize: the space that SentencePiece puts before a text is not part of it', async () => {
  const path = join(scratch, 'pieces.gguf')
  const list = readList('llama-2-7b-chat')
  writeHeader(path, list, tensorTable(list))
  for (const text of ['two words', ' spaces  \n', 'wörld 👋🏽']) {
    const ids = await succeeds(['tokenize', '-m', path, '--ids', '--stdin'], { input: text })
    assert.equal(await succeeds(['tokenize', '-m', path, '--decode'], { input: ids }), text)
  }
  const { tokens } = await json(['tokenize', '-m', path, '--no-bos', '--json', '-p', 'a b'])
  assert.deepEqual(tokens, [' ', 'a', ' ', 'b'])
  rmSync(path)
})

test('tokenize: the reference tokenizer agrees', {
  skip: !defaultModel && 'not fetched',
}, async () => {
  const golden = JSON.parse(readFileSync(join(root, 'tests/golden/greedy.json'), 'utf8'))
  const args = ['tokenize', '-m', defaultModel, '--ids', '--parse-special', '--no-bos']
  for (const { prompt, prompt_ids: ids } of golden.cases.slice(0, 3)) {
    assert.deepEqual(JSON.parse(await succeeds([...args, '-p', prompt])), ids)
  }
})

/** What inspect prints, without the numbers that a change of the core may well change. */
async function inspected(path) {
  const text = await succeeds(['inspect', '-m', path])
  return text.replace(/^( {2}(?:scratch|staging|metadata|total) ).*? MB/gm, '$1… MB')
}

for (const type of ['f32', 'q4_0', 'bf16']) {
  test(`inspect: tiny-${type}`, async () => {
    expectFile(`inspect-${type}.txt`, await inspected(tiny(type)))
  })
}

test('inspect: a model in three parts', async () => {
  const part = 'models/tiny/tiny-f16-00001-of-00003.gguf'
  expectFile('inspect-split.txt', await inspected(part))
})

test('inspect --json', async () => {
  const { model: info, memory, program } = await json(['inspect', ...model, '--json', '-c', '256'])
  assert.ok(info && typeof info === 'object')
  assert.equal(memory.n_ctx, 256)
  const { weights, kv, scratch: work, staging, metadata, total } = memory
  assert.equal(weights + kv + work + staging + metadata, total)
  assert.equal(memory.fits, true)
  assert.ok(program.split('\n').length > 10)
  const f32 = ['-ctk', 'f32', '--cache-type-v', 'f32']
  const wide = await json(['inspect', ...model, '--json', '-c', '256', ...f32])
  assert.equal(wide.memory.kv, 2 * kv)
  const tight = await json(['inspect', ...model, '--json', '--memory-budget', '10K'])
  assert.deepEqual([tight.memory.fits, tight.memory.limit], [false, 10240])
})

test('inspect: a model that would not run says why, part by part', async () => {
  const list = readList('llama-3.1-8b-instruct')
  list.keys.set('llama.some.day', { type: 'f32', value: 8 })
  list.keys.set('llama.attention.clamp_kqv', { type: 'f32', value: 8 })
  list.keys.get('tokenizer.ggml.pre').value = 'unheard-of'
  const path = join(scratch, 'refused.gguf')
  writeHeader(path, list, tensorTable(list, { ropeFreqs: true, embedding: 'IQ2_XXS' }))
  const text = await succeeds(['inspect', '-m', path])
  rmSync(path)
  const [, verdict] = text.split(/(?=\nwould it run: )/)
  for (const [i, pattern] of [
    /^would it run: no$/,
    /^ {2}types +tensor token_embd\.weight has type IQ2_XXS .*convert the model/,
    /^ {2}architecture +the metadata key llama\.attention\.clamp_kqv is 8/,
    /^ {2}tokenizer +the pre-tokeniser 'unheard-of' .* is not supported/,
    /^ {2}chat_template +ok$/,
    /^ {2}memory +not known$/,
    /^ {2}warning +the metadata key llama\.some\.day is not known/,
  ].entries()) {
    assert.match(verdict.split('\n')[i + 1], pattern)
  }
})

test('inspect reads the headers only', async () => {
  // The body may be anything: here it is a hole.
  const source = readFileSync(join(root, tiny('f32')))
  const path = join(scratch, 'hole.gguf')
  writeFileSync(path, source.subarray(0, source.length - 200000))
  truncateSync(path, source.length)
  assert.equal(await succeeds(['inspect', '-m', path]), await succeeds(['inspect', ...model]))
})

test('perplexity of a tiny model is that of its logits', async () => {
  const text = 'Hello world, this is a text to score. '.repeat(6)
  const args = ['perplexity', ...model, '-c', '64']
  const result = await json([...args, '--json', '-p', text])
  assert.ok(result.perplexity > 1 && Number.isFinite(result.stderr))
  assert.ok(Math.abs(Math.exp(result.nll) - result.perplexity) < 1e-4 * result.perplexity)
  const naive = await json([...args, '--json', '-p', text, '--backend', 'naive'])
  assert.ok(Math.abs(naive.nll - result.nll) < 1e-3)
  const printed = await succeeds([...args, '-p', text])
  const { windows } = result
  assert.match(printed, /^\[1\]\d+\.\d{4},/)
  const final = `\nFinal estimate: PPL = ${result.perplexity.toFixed(4)} +/- `
  assert.ok(printed.includes(`[${windows}]`) && printed.includes(final), printed)
  const one = await json([...args, '--json', '-p', text, '--chunks', '1'])
  assert.deepEqual([one.windows, one.tokens], [1, 63])
  const short = await sotto(['perplexity', ...model, '-p', ''])
  assert.equal(short.code, 1)
  assert.match(short.stderr, /nothing to score/)
})

test('perplexity is the reference’s', { skip: !defaultModel && 'not fetched' }, async () => {
  const golden = readFileSync(join(root, 'tests/golden/smollm2-q4_1.golden'))
  const expected = golden.readFloatLE(28)
  const text = ['-f', 'tests/golden/text-512.txt']
  const args = ['perplexity', '-m', defaultModel, ...text, '--json']
  const result = await json(args, { dirs: ['models', 'tests/golden'] })
  assert.deepEqual([result.tokens, result.windows], [511, 1])
  assert.ok(Math.abs(result.perplexity / expected - 1) < 0.005, `${result.perplexity} ${expected}`)
})

test('bench: three forms of the same results', async () => {
  const args = ['bench', ...model, '-p', '16,32', '-n', '4', '-r', '2']
  const rows = await json([...args, '-o', 'json'])
  assert.deepEqual(
    rows.map(({ n_prompt, n_gen }) => [n_prompt, n_gen]),
    [
      [16, 0],
      [32, 0],
      [0, 4],
    ],
  )
  for (const row of rows) {
    assert.equal(row.samples_ns.length, 2)
    assert.ok(row.avg_ts > 0 && row.stddev_ts >= 0 && row.avg_ns > 0)
    assert.equal(row.model_filename, tiny('f32'))
    assert.ok(row.n_batch > 0)
  }
  const csv = (await succeeds([...args, '-o', 'csv'])).trimEnd().split('\n')
  assert.equal(csv.length, 4)
  for (const line of csv) assert.equal(line.split(',').length, 14)
  const lines = (await succeeds(args)).trimEnd().split('\n')
  assert.equal(lines.length, 5)
  for (const line of lines) assert.equal([...line].length, [...lines[0]].length)
  assert.match(lines[2], /\| +pp16 \| +\d+\.\d\d ± \d+\.\d\d \|$/)
  assert.match(lines[4], /\| +tg4 \|/)
})
