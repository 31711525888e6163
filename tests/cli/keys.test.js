// Headers of real files (tests/golden/keys/): which of them would run, and that what a header says
// beyond that is refused or named, never passed over. Wording is left to other tests.
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { scratch, sotto } from './command.js'
import { lists, readList, tensorTable, writeHeader } from './lib/headers.js'

/** What the files have that no key says. */
const facts = {
  'llama-3.1-8b-instruct': { ropeFreqs: true },
  'llama-3.2-3b-instruct': { ropeFreqs: true, tied: true },
  'smollm2-1.7b-instruct': { tied: true },
  'smollm2-135m-instruct': { tied: true },
  'smollm2-135m-saved': { tied: true, base: 'Q4_1' },
  'smollm3-3b': { tied: true },
  'granite-3.0-8b-instruct': { tied: true },
  'qwen3-0.6b': { tied: true },
  'mixtral-8x7b-instruct-v0.1': { singleExperts: true },
  'gemma-2-2b-it': { tied: true },
  'gemma-3-270m-it': { tied: true },
  'phi-4-mini-instruct': { longRope: true, tied: true, embedding: 'Q8_0' },
  'lfm2.5-audio-1.5b': { tied: true },
}

/** Architectures that are not there yet: the refusal names them. */
const unsupported = new Set(['mistral3'])

/** Files whose tensors are of another time: the refusal names the first of them. */
const outdated = new Map([['mixtral-8x7b-instruct-v0.1', 'blk.0.ffn_gate.0.weight']])

const architecture = (list) => list.keys.get('general.architecture').value

/**
 * Inspects the list's file; `change` may alter the keys or the table before it is written. Resolves
 * to why it would not run, but for its size, and to what it warns of.
 */
async function inspect(name, change = () => {}) {
  const list = readList(name)
  const table = tensorTable(list, facts[name])
  change(list.keys, table)
  const path = join(scratch, `${name}.gguf`)
  writeHeader(path, list, table)
  const { code, stdout, stderr } = await sotto(['inspect', '--json', '-m', path])
  rmSync(path)
  assert.equal(code, 0, stderr)
  const { runs, checks, warnings } = JSON.parse(stdout)
  assert.equal(
    runs,
    checks.every(({ ok }) => ok),
  )
  const refusals = checks.filter(({ ok, part }) => !ok && part !== 'memory')
  return { refusals: refusals.map(({ message }) => message), warnings }
}

/** Is `name` a word of one of the reasons? */
function assertNamed({ refusals }, name) {
  const words = refusals.flatMap((message) => message.split(/[\s,:;'"]+/))
  assert.ok(words.includes(name), `no ${name} in ${JSON.stringify(refusals)}`)
}

for (const name of lists) {
  const list = readList(name)
  const arch = architecture(list)

  test(`${name}: the table has the real file's tensors`, () => {
    const counts = {}
    for (const { type } of tensorTable(list, facts[name])) counts[type] = (counts[type] ?? 0) + 1
    assert.deepEqual(counts, list.tensors)
  })

  const foreign = outdated.get(name)
  if (unsupported.has(arch) || foreign) {
    test(`${name}: refused for ${foreign ?? arch}`, async () => {
      assertNamed(await inspect(name), foreign ?? arch)
    })
    continue
  }

  test(`${name}: would run, and nothing of its header is unknown`, async () => {
    assert.deepEqual(await inspect(name), { refusals: [], warnings: [] })
  })
}

// ---- what must not be passed over ---------------------------------------------------------------

const set = (key, type, value) => (keys) => keys.set(key, { type, value })

/** A key that changes what the model computes: refused by its name. */
const forward = [
  ['smollm2-135m-instruct', 'llama.attention.max_alibi_bias', 'f32', 8],
  ['smollm2-135m-instruct', 'llama.attention.clamp_kqv', 'f32', 8],
  ['smollm2-135m-instruct', 'llama.use_parallel_residual', 'bool', true],
  ['smollm2-135m-instruct', 'llama.logit_scale', 'f32', 0.25],
  ['smollm2-135m-instruct', 'llama.residual_scale', 'f32', 0.25],
  ['smollm2-135m-instruct', 'llama.embedding_scale', 'f32', 12],
  ['smollm2-135m-instruct', 'llama.final_logit_softcapping', 'f32', 20],
  ['qwen3-0.6b', 'qwen3.expert_count', 'u32', 8],
  ['smollm2-135m-instruct', 'llama.wkv.head_size', 'u32', 64],
  ['qwen3-0.6b', 'qwen3.rope.scaling.yarn_ext_factor', 'f32', 0.5],
  ['smollm2-135m-instruct', 'tokenizer.ggml.remove_extra_whitespaces', 'bool', true],
  ['smollm2-135m-saved', 'llama.attention.temperature_scale', 'f32', 0.1],
  ['gemma-2-2b-it', 'gemma2.attention.causal', 'bool', false],
  ['gemma-2-2b-it', 'gemma2.attn_logit_softcapping', 'f32', -50],
  ['gemma-3-270m-it', 'gemma3.attention.causal', 'bool', false],
  ['gemma-3-270m-it', 'gemma3.rope.freq_base_swa', 'f32', 0.5],
  ['all-minilm-l6-v2', 'bert.pooling_type', 'u32', 4],
  ['all-minilm-l6-v2', 'bert.attention.max_alibi_bias', 'f32', 8],
  ['nomic-embed-text-v1.5', 'nomic-bert.expert_count', 'u32', 8],
]

for (const [name, key, type, value] of forward) {
  test(`${name}: refused with ${key} ${value}`, async () => {
    assertNamed(await inspect(name, set(key, type, value)), key)
  })
}

test('smollm2-135m-instruct: refused with an array whose zeros ask for something', async () => {
  const key = 'llama.attention.rope_pattern'
  const pattern = { type: 'arr', of: 'u32', count: 4, value: [1, 1, 1, 0] }
  assertNamed(await inspect('smollm2-135m-instruct', (keys) => keys.set(key, pattern)), key)
})

/** A tensor that the family has no place for: refused by its name. */
const extra = [
  ['smollm2-135m-instruct', 'blk.0.attn_q_norm.weight', [64]],
  ['smollm2-135m-instruct', 'blk.3.attn_norm.bias', [576]],
  ['smollm2-135m-instruct', 'output.bias', [49152]],
  ['smollm2-135m-instruct', 'blk.30.attn_norm.weight', [576]],
  ['all-minilm-l6-v2', 'cls.weight', [384, 384]],
  ['nomic-embed-text-v1.5', 'position_embd.weight', [768, 2048]],
]

for (const [name, tensor, shape] of extra) {
  test(`${name}: refused with a tensor ${tensor}`, async () => {
    const result = await inspect(name, (_, table) =>
      table.push({ name: tensor, type: 'F32', shape }),
    )
    assertNamed(result, tensor)
  })
}

test('mixtral-8x7b-instruct-v0.1: would run with its experts in one tensor', async () => {
  const result = await inspect('mixtral-8x7b-instruct-v0.1', (keys, table) => {
    table.splice(0, table.length, ...tensorTable({ keys }))
  })
  assert.deepEqual(result, { refusals: [], warnings: [] })
})

test('smollm2-1.7b-instruct: refused with weights of a type that is not there yet', async () => {
  const result = await inspect('smollm2-1.7b-instruct', (_, table) => {
    table.find(({ name }) => name === 'blk.3.ffn_up.weight').type = 'IQ2_XXS'
  })
  assertNamed(result, 'blk.3.ffn_up.weight')
  assertNamed(result, 'IQ2_XXS')
})

test('a file that is no model of its own is refused for that', async () => {
  const result = await inspect('smollm2-135m-instruct', set('general.type', 'str', 'adapter'))
  assertNamed(result, 'general.type')
  assertNamed(result, 'adapter')
})

test('what a converter writes and no logit depends on is passed over', async () => {
  // The converter of GraniteMoeHybrid makes dense Granite 4.0 models `granite`, and leaves these.
  const result = await inspect('granite-3.0-8b-instruct', (keys) => {
    const sizes = { conv_kernel: 4, state_size: 256, group_count: 1, inner_size: 3072 }
    for (const [name, value] of Object.entries({ ...sizes, time_step_rank: 48 })) {
      keys.set(`granite.ssm.${name}`, { type: 'u32', value })
    }
    keys.set('granite.expert_shared_feed_forward_length', { type: 'u32', value: 12800 })
    keys.set('granite.rope.scaling.finetuned', { type: 'bool', value: true })
  })
  assert.deepEqual(result, { refusals: [], warnings: [] })
  for (const key of ['add_space_prefix', 'add_sep_token']) {
    const change = set(`tokenizer.ggml.${key}`, 'bool', true)
    assert.deepEqual(await inspect('qwen3-0.6b', change), { refusals: [], warnings: [] })
  }
})

test('a decoder whose file says how to pool is understood as far as it can be', async () => {
  const key = 'qwen3.pooling_type'
  for (const value of [0, 1, 2, 3, 0xffffffff]) {
    const result = await inspect('qwen3-0.6b', set(key, 'u32', value))
    assert.deepEqual(result, { refusals: [], warnings: [] })
  }
  assert.deepEqual(await inspect('qwen3-0.6b', set(key, 'i32', -1)), { refusals: [], warnings: [] })
  for (const value of [4, 5]) {
    assertNamed(await inspect('qwen3-0.6b', set(key, 'u32', value)), key)
  }
  const classifier = { name: 'cls.output.weight', type: 'F32', shape: [1024, 2] }
  const result = await inspect('qwen3-0.6b', (keys, table) => {
    keys.set(key, { type: 'u32', value: 3 })
    table.push(classifier)
  })
  assertNamed(result, classifier.name)
})

test('a key of the architecture that nobody knows is named', async () => {
  const key = 'llama.attention.quantum_entanglement'
  const { refusals, warnings } = await inspect('smollm2-135m-instruct', set(key, 'f32', 0.5))
  assert.deepEqual(refusals, [])
  assert.equal(warnings.length, 1)
  assert.ok(warnings[0].includes(key), warnings[0])
})

test('keys of other namespaces say nothing', async () => {
  const result = await inspect('smollm2-135m-instruct', (keys) => {
    keys.set('mradermacher.quantized_by', { type: 'str', value: 'mradermacher' })
    keys.set('general.some_day', { type: 'str', value: 'soon' })
  })
  assert.deepEqual(result, { refusals: [], warnings: [] })
})
