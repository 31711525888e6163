// What an engine does besides completions: text and tokens, saved states, its end.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { loadModel } from 'sotto'
import { endlessContext, prompt, realPath, tinyPath, withEngine, withTiny } from './lib/models.js'

let engine
before(async () => {
  engine = await loadModel(tinyPath())
})
after(() => engine.dispose())

const greedy = { prompt, max_tokens: 10, temperature: 0, ignore_eos: true }

test('text becomes tokens and text again', async () => {
  for (const text of [
    '',
    'plain',
    'naïve café ☕',
    '日本語 العربية',
    '👩‍👩‍👧',
    '\ufeffbom\0nul',
    'x'.repeat(9_000),
  ]) {
    const tokens = await engine.tokenize(text)
    assert.ok(tokens.every(Number.isInteger))
    assert.equal(await engine.detokenize(tokens), text)
  }
  assert.equal(await engine.detokenize([]), '')
})

test('special tokens count only where the text is trusted', async () => {
  const text = '<|im_start|>'
  assert.equal((await engine.tokenize(text, { parse_special: true })).length, 1)
  assert.ok((await engine.tokenize(text)).length > 3)
  assert.equal(await engine.detokenize([1]), '')
  assert.equal(await engine.detokenize([1], { special: true }), text)
})

test('half a character comes out as U+FFFD', async () => {
  const tokens = await engine.tokenize('☕')
  assert.ok(tokens.length > 1)
  assert.match(await engine.detokenize(tokens.slice(0, -1)), /\ufffd/)
})

test('wrong arguments name themselves', async () => {
  const invalid = (field) => ({ code: 'invalid_argument', details: { field } })
  await assert.rejects(engine.tokenize(7), invalid('text'))
  await assert.rejects(engine.tokenize('a', { special: true }), invalid('special'))
  await assert.rejects(engine.detokenize([0.5]), invalid('tokens'))
  await assert.rejects(engine.detokenize([300]), { code: 'invalid_argument' })
  await assert.rejects(engine.loadState('abc'), invalid('state'))
  await assert.rejects(engine.saveState({ tokens: [] }), invalid('tokens'))
})

test('a saved state goes on in another engine, and only in the same model', async () => {
  const reply = await engine.completions.create(greedy)
  const state = await engine.saveState()
  assert.ok(state.length > 1000)
  await withTiny(
    async (other) => {
      const { n_tokens } = await other.loadState(state)
      assert.ok(n_tokens >= reply.usage.prompt_tokens)
      const again = await other.completions.create(greedy)
      assert.ok(again.usage.prompt_tokens_details.cached_tokens > 0)
      assert.equal(again.choices[0].text, reply.choices[0].text)
      await assert.rejects(other.loadState(state.slice(0, -100)), { code: 'invalid_state' })
      await assert.rejects(other.loadState(new Uint8Array(500)), { code: 'invalid_state' })
    },
    { variant: 'scalar' },
  )
  await withEngine(tinyPath('q4_0'), {}, async (other) => {
    await assert.rejects(other.loadState(state), { code: 'invalid_state' })
    await assert.rejects(other.saveState(), { code: 'invalid_state' })
  })
  const ids = await engine.tokenize(prompt, { add_special: true })
  assert.ok((await engine.saveState({ tokens: ids })).length < state.length)
})

test('types of the KV cache: memory, heads that do not fit, states of one type', async () => {
  const n_ctx = 64
  const reply = { prompt: 'A river', max_tokens: 4 }
  const run = async (options, work) =>
    withEngine(tinyPath(), { n_ctx, ...options }, async (engine) => {
      await engine.completions.create(reply)
      return work(engine)
    })
  const save = async (engine) => [engine.plan.per_position, await engine.saveState()]
  const [half, state] = await run({}, save)
  const [mixed] = await run({ cache_type_k: 'f32', cache_type_v: 'f16' }, save)
  assert.equal(mixed, half * 1.5)
  await run({ cache_type_k: 'f32', cache_type_v: 'f32' }, async (engine) => {
    assert.equal(engine.plan.kv, 2 * half * n_ctx)
    const refused = { code: 'invalid_state', message: /cache type/ }
    await assert.rejects(engine.loadState(state), refused)
  })
  const narrow = { code: 'invalid_argument', message: /cache_type_v Q8_0 .* 16 wide/ }
  await assert.rejects(loadModel(tinyPath(), { cache_type_v: 'q8_0' }), narrow)
})

test('disposing rejects what is under way, can be repeated, and ends everything', async () => {
  const doomed = await loadModel(tinyPath(), endlessContext)
  const running = doomed.completions.create({ ...greedy, max_tokens: -1 })
  const stream = await doomed.completions.create({ ...greedy, max_tokens: -1, stream: true })
  const disposing = [doomed.dispose(), doomed.dispose()]
  await assert.rejects(running, { code: 'disposed' })
  await assert.rejects(
    async () => {
      for await (const chunk of stream) assert.ok(chunk)
    },
    { code: 'disposed' },
  )
  await Promise.all(disposing)
  await doomed.dispose()
  await assert.rejects(doomed.tokenize('a'), { code: 'disposed' })
  await assert.rejects(doomed.completions.create(greedy), { code: 'disposed' })
  await assert.rejects(doomed.memory(), { code: 'disposed' })
})

test('an engine is disposed of at the end of its scope', async () => {
  const scoped = await loadModel(tinyPath())
  await scoped[Symbol.asyncDispose]()
  await assert.rejects(scoped.tokenize('a'), { code: 'disposed' })
})

test('an idle engine does not keep the process alive, a working one does', async () => {
  const script = `
    import { loadModel } from 'sotto'
    const engine = await loadModel(${JSON.stringify(tinyPath())})
    await engine.completions.create({ prompt: 'a', stream: true, max_tokens: 200 })
    engine.completions.create({ prompt: 'a', max_tokens: 100, ignore_eos: true })
      .then(({ usage }) => console.log(usage.completion_tokens))`
  const args = ['--input-type=module', '--eval', script]
  const options = {
    cwd: import.meta.dirname ?? new URL('.', import.meta.url).pathname,
    timeout: 20_000,
  }
  const { stdout } = await promisify(execFile)(process.execPath, args, options)
  assert.equal(stdout, '100\n')
})

test('the main thread is free while the engine works', async () => {
  await withEngine(realPath, { n_ctx: 256 }, async (real) => {
    const begin = performance.eventLoopUtilization()
    const reply = await real.completions.create({ prompt: prompt.repeat(8), max_tokens: 16 })
    const { utilization } = performance.eventLoopUtilization(begin)
    assert.ok(reply.usage.prompt_tokens > 100)
    assert.ok(utilization < 0.3, `at work ${utilization} of the time`)
  })
})
