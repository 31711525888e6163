// sotto run: the answer, its JSON form, standard input and output, saved state.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  command,
  defaultModel,
  failsWith,
  json,
  root,
  scratch,
  sotto,
  succeeds,
  tiny,
  wasmtime,
} from './command.js'

const model = ['-m', tiny('q4_0')]
const greedy = ['--temp', '0', '-n', '16']
const types = ['f32', 'f16', 'bf16', 'q4_0', 'q4_1', 'q5_0', 'q5_1', 'q8_0']

test('all variants give the same text for every weight type', async () => {
  for (const type of types) {
    const args = [
      'run',
      '-m',
      tiny(type),
      '-p',
      'Once upon a time',
      '-n',
      '16',
      '-s',
      '7',
      '--json',
    ]
    const results = []
    for (const variant of ['scalar', 'simd128', 'relaxed']) {
      const { timings, ...result } = await json([...args, '--variant', variant, '--logprobs', '2'])
      assert.equal(result.variant, variant)
      assert.equal(timings.predicted_n, 16)
      results.push({ ...result, variant: '', memory: null })
    }
    assert.deepEqual(results[1], results[0], type)
    assert.deepEqual(results[2], results[0], type)
  }
})

test('a seed gives the same text each time, another seed another text', async () => {
  const args = ['run', ...model, '-p', 'Hello', '-n', '24', '--temp', '1.5']
  const one = await json([...args, '-s', '1', '--json'])
  assert.deepEqual((await json([...args, '-s', '1', '--json'])).tokens, one.tokens)
  assert.notDeepEqual((await json([...args, '-s', '2', '--json'])).tokens, one.tokens)
  assert.equal(one.seed, 1)
  // Without -s the seed is told, and gives the text again.
  const random = await json([...args, '--json'])
  const again = await json([...args, '-s', String(random.seed), '--json'])
  assert.deepEqual(again.tokens, random.tokens)
})

test('prompt lookup changes the timings and nothing else', async () => {
  const args = [
    'run',
    ...model,
    '--raw',
    '-p',
    'a b c d a b c d a b c d',
    '-n',
    '80',
    '--ignore-eos',
  ]
  for (const temperature of ['0', '0.5']) {
    const command = [...args, '--temp', temperature, '-s', '5', '--json', '--logprobs', '2']
    const { timings, memory: _, ...result } = await json(command)
    const { timings: slow, memory: __, ...plain } = await json([...command, '--no-prompt-lookup'])
    assert.deepEqual(result, plain)
    assert.ok(timings.draft_n_accepted <= timings.draft_n)
    assert.deepEqual([slow.draft_n, slow.draft_n_accepted], [0, 0])
    if (temperature === '0') assert.ok(timings.draft_n_accepted > 0)
  }
})

test('--json tells text, usage and timings', async () => {
  const args = ['run', ...model, '-p', 'Hello', ...greedy]
  const result = await json([...args, '--json', '--logprobs', '3'])
  const text = await succeeds(args)
  assert.equal(text, result.text.endsWith('\n') ? result.text : `${result.text}\n`)
  assert.equal(result.model, tiny('q4_0'))
  assert.equal(result.architecture, 'llama')
  assert.match(result.prompt, /Hello/)
  assert.ok(['stop', 'length'].includes(result.finish_reason))
  const { usage, timings, tokens, logprobs } = result
  assert.equal(usage.completion_tokens, tokens.length)
  assert.equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens)
  assert.equal(usage.prompt_tokens_details.cached_tokens, 0)
  assert.equal(timings.prompt_n, usage.prompt_tokens)
  assert.equal(timings.predicted_n, usage.completion_tokens)
  for (const name of ['load_ms', 'prompt_ms', 'predicted_ms', 'predicted_per_second']) {
    assert.ok(timings[name] >= 0, name)
  }
  assert.deepEqual(
    logprobs.map(({ id }) => id),
    tokens,
  )
  for (const { id, logprob, top_logprobs: top } of logprobs) {
    assert.equal(top.length, 3)
    // Greedy: the token is the most likely one.
    assert.deepEqual([top[0].id, top[0].logprob], [id, logprob])
    assert.ok(top[0].logprob <= 0 && top[0].logprob >= top[1].logprob)
  }
  assert.ok(result.memory.peak > 0 && result.memory.peak <= result.memory.planned + 1e6)
})

test('--logprobs gives the bytes of the token, of half a character too', async () => {
  const emoji = '👋🏽'
  const { ids } = await json(['tokenize', ...model, '--no-bos', '--json', '-p', emoji])
  const all = []
  let halves = 0
  for (const id of ids) {
    const args = ['run', ...model, '--raw', '-p', 'a', '-n', '1', '-l', `${id}+100`, '--json']
    const [{ token, bytes, top_logprobs: tops }] = (await json([...args, '--logprobs', '1']))
      .logprobs
    all.push(...bytes)
    assert.ok(tops[0].bytes.length > 0)
    const text = Buffer.from(bytes).toString()
    const spelled = bytes.map((byte) => `\\x${byte.toString(16)}`).join('')
    halves += text.includes('\ufffd')
    assert.equal(token, text.includes('\ufffd') ? `bytes:${spelled}` : text)
  }
  assert.ok(halves > 0)
  assert.equal(Buffer.from(all).toString(), emoji)
})

test('the prompt comes from -p, from a file or from standard input', async () => {
  const args = ['run', ...model, ...greedy, '--json']
  const file = join(scratch, 'prompt.txt')
  writeFileSync(file, 'Good morning\n')
  const expected = (await json([...args, '-p', 'Good morning'])).prompt
  assert.equal((await json([...args, '-f', file])).prompt, expected)
  assert.equal((await json(args, { input: 'Good morning\n' })).prompt, expected)
  assert.equal((await json([...args, '-f', '-'], { input: 'Good morning\r\n' })).prompt, expected)
  assert.equal(
    (await json([...args, '-e', '-p', 'Good\\x20\\tday'])).prompt.includes('Good\\x20\tday'),
    true,
  )
})

test('--raw continues the text as it stands; -n 0 generates nothing', async () => {
  const result = await json(['run', ...model, '--raw', '-p', 'Hello', '-n', '2', '--json'])
  assert.equal(result.prompt, 'Hello')
  const none = await json(['run', ...model, '--raw', '-p', 'Hello', '-n', '0', '--json'])
  assert.deepEqual([none.text, none.tokens, none.finish_reason], ['', [], 'length'])
})

test('a chat template of the user takes the place of the model’s', async () => {
  const template = '{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}>'
  const args = ['run', ...model, '-p', 'Hi', '-sys', 'Be "brief"', '-n', '1', '--json']
  const prompt = '[system] Be "brief"\n[user] Hi\n>'
  assert.equal((await json([...args, '--chat-template', template])).prompt, prompt)
  const file = join(scratch, 'template.jinja')
  writeFileSync(file, template)
  assert.equal((await json([...args, '--chat-template-file', file])).prompt, prompt)
  const broken = await sotto([...args, '--chat-template', '{% for %}'])
  assert.equal(broken.code, 1)
  assert.equal(JSON.parse(broken.stdout).error.code, 'invalid_template')
  const named = await json([...args, '--chat-template', 'default'])
  assert.equal(named.prompt, (await json(args)).prompt)
  const unknown = "the model has no chat template 'rag'; it has: default"
  await failsWith(1, unknown, ['run', ...model, '-p', 'Hi', '--chat-template', 'rag'])
})

test('a stop string ends the answer in front of it', async () => {
  const args = ['run', ...model, '-p', 'Hello', ...greedy]
  const { text } = await json([...args, '--json'])
  const stop = text.slice(3, 6)
  const at = text.indexOf(stop)
  const stopped = await json([...args, '--json', '-r', 'no such text', '-r', stop])
  assert.equal(stopped.text, text.slice(0, at))
  assert.equal(stopped.finish_reason, 'stop')
})

test('a bias bans a token', async () => {
  const args = ['run', ...model, '-p', 'Hello', ...greedy, '--json', '--ignore-eos']
  const [first] = (await json(args)).tokens
  const banned = await json([...args, '-l', `${first}-inf`])
  assert.ok(!banned.tokens.includes(first))
  const far = await sotto([...args, '-l', '123456789+1'])
  assert.equal(far.code, 1)
  assert.equal(JSON.parse(far.stdout).error.code, 'invalid_argument')
})

test('a prompt that is too long', async () => {
  const args = ['run', ...model, '-c', '64', '--raw', '-n', '4', '--json']
  const { code, stdout } = await sotto(args, { input: 'word '.repeat(500) })
  assert.equal(code, 1)
  assert.equal(JSON.parse(stdout).error.code, 'context_length_exceeded')
})

test('an empty prompt', async () => {
  const { code, stderr } = await sotto(['run', ...model, '-n', '2', '--raw', '-p', ''])
  assert.ok(code === 0 || stderr.startsWith('sotto: '), stderr)
})

test('a saved state spares the prompt and changes nothing', async () => {
  const state = join(scratch, 'kv.state')
  const args = ['run', ...model, '-p', 'The quick brown fox jumps', ...greedy, '--json']
  const first = await json([...args, '--save-state', state])
  const second = await json([...args, '--load-state', state, '--variant', 'scalar'])
  assert.deepEqual(second.tokens, first.tokens)
  assert.equal(second.timings.cache_n, second.usage.prompt_tokens - 1)
  const other = await sotto(['run', '-m', tiny('q8_0'), '-p', 'x', '--load-state', state, '--json'])
  assert.equal(other.code, 1)
  assert.equal(JSON.parse(other.stdout).error.code, 'invalid_state')
  assert.ok(other.stderr.startsWith(`sotto: ${state}: `))
  truncateSync(state, statSync(state).size - 100)
  const cut = await sotto([...args, '--load-state', state])
  assert.equal(JSON.parse(cut.stdout).error.code, 'invalid_state')
})

test('a reader that closes the pipe is no error', async () => {
  // The shell's pipe, so that the reader is gone as soon as head ends.
  const words = [wasmtime, ...command(), 'run', ...model, '-p', 'Hi', '--ignore-eos', '-n', '200']
  const quoted = words.map((word) => `'${word}'`).join(' ')
  const script = `set -o pipefail; ${quoted} | head -c 10 | wc -c`
  const child = spawn('bash', ['-c', script], { cwd: root })
  const out = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr']) {
    child[name].on('data', (data) => {
      out[name] += data
    })
  }
  const [code] = await once(child, 'close')
  assert.deepEqual([out.stderr, code, out.stdout.trim()], ['', 0, '10'])
})

test('a full disk is an error', async () => {
  const full = openSync('/dev/full', 'w')
  const child = spawn(wasmtime, [...command(), 'run', ...model, '-p', 'Hi', '-n', '4'], {
    cwd: root,
    stdio: ['ignore', full, 'pipe'],
  })
  let stderr = ''
  child.stderr.on('data', (data) => {
    stderr += data
  })
  const [code] = await once(child, 'close')
  assert.equal(stderr, 'sotto: cannot write to standard output: No space left on device\n')
  assert.equal(code, 1)
})

test('--verbose reports on standard error and leaves standard output alone', async () => {
  const args = ['run', ...model, '-p', 'Hello', ...greedy]
  const { stdout, stderr } = await sotto([...args, '-v'])
  assert.equal(stdout, await succeeds(args))
  for (const line of stderr.trimEnd().split('\n')) assert.match(line, /^sotto: /)
  assert.match(stderr, /^sotto: answer: \d+ tokens, .* tokens\/s/m)
})

test('a model without a chat template continues text, and says so when asked to chat', async () => {
  // The second file of golden strings is not needed: any model with --raw is such a model but for
  // its metadata; one without a template is made by renaming the key.
  const bytes = Buffer.from(readFileSync(join(root, tiny('f32'))))
  const at = bytes.indexOf('tokenizer.chat_template')
  if (at >= 0) bytes.write('tokenizer.chat_templatx', at)
  const bare = join(scratch, 'bare.gguf')
  writeFileSync(bare, bytes)
  const result = await json(['run', '-m', bare, '-p', 'Hello', '-n', '1', '--json'])
  assert.equal(result.prompt, 'Hello')
  const reason = 'has no chat template; give --chat-template-file'
  await failsWith(1, `${bare} ${reason}, or leave out --conversation`, [
    ...['run', '-m', bare, '-p', 'x', '-cnv'],
  ])
  await failsWith(1, `${bare} ${reason}, or leave out --system-prompt`, [
    ...['run', '-m', bare, '-p', 'x', '-sys', 'y'],
  ])
  await failsWith(1, `${bare} ${reason}, or continue text with 'sotto run --raw'`, [
    ...['chat', '-m', bare],
  ])
})

const skip = !defaultModel && 'not fetched'

test('the default model continues a text', { skip }, async () => {
  const args = ['run', '-m', defaultModel, '--raw', '-p', 'The capital of France is']
  const text = await succeeds([...args, '--temp', '0', '-n', '2'], { dirs: ['models/cache'] })
  assert.equal(text, ' Paris.\n')
})

test('the float32 reference answers as transformers does', { skip }, async () => {
  const golden = JSON.parse(readFileSync(join(root, 'tests/golden/greedy.json'), 'utf8'))
  const question = 'What is the capital of France?'
  const { prompt, ids, text } = golden.cases.find((one) => one.prompt.includes(question))
  const args = ['run', '-m', defaultModel, '-p', question, '--temp', '0', '-n', '48', '--json']
  const result = await json([...args, '--backend', 'naive', '-c', '128', '-sp'])
  assert.equal(result.prompt, prompt)
  assert.deepEqual(result.tokens, ids)
  assert.equal(result.finish_reason, 'stop')
  assert.equal(`${result.text}<|im_end|>`, text)
})

test('the example of the README', { skip }, async () => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8')
  const [example] = readme.match(/^wasmtime run (?:.*\\\n)*.*$/m)
  const child = spawn('bash', ['-c', example.replace('wasmtime', `'${wasmtime}'`)], { cwd: root })
  let stdout = ''
  child.stdout.on('data', (data) => {
    stdout += data
  })
  assert.deepEqual(await once(child, 'close'), [0, null])
  assert.equal(stdout, 'The capital of France is Paris.\n')
})
