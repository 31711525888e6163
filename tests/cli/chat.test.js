// sotto chat, driven through standard input.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { json, sotto, tiny } from './command.js'

const model = ['-m', tiny('q4_0')]
const options = ['--temp', '0', '-n', '6', '--ignore-eos', '-sys', 'Be brief.']
const chat = (input, more = []) => sotto(['chat', ...model, ...options, ...more], { input })

test('each line is answered, in a conversation', async () => {
  const { code, stdout, stderr } = await chat('Hello\nAnd now?\n')
  assert.deepEqual([code, stderr], [0, ''])
  // The first answer is the one that run gives; the second depends on the first turn.
  const alone = await json(['run', ...model, ...options, '-p', 'Hello', '--json'])
  assert.ok(stdout.startsWith(`${alone.text}\n`), stdout)
  const second = stdout.slice(alone.text.length + 1)
  assert.ok(second.endsWith('\n') && second.length > 1)
})

test('the turns before are not computed again', async () => {
  const { stderr } = await chat('Hello\nAnd now?\nAnd then?\n', ['-v'])
  const prompts = [...stderr.matchAll(/prompt: (\d+) tokens, (\d+) of them cached/g)]
  const [first, second, third] = prompts.map(([, all, cached]) => ({ all: +all, cached: +cached }))
  assert.equal(first.cached, 0)
  assert.ok(second.cached >= first.all, stderr)
  assert.ok(third.cached >= second.all, stderr)
})

test('a backslash joins lines; /clear forgets; /exit ends', async () => {
  const { code, stdout } = await chat('Hello\n/clear\nHello\n/exit\nnever read\n')
  const half = stdout.length / 2
  assert.equal(code, 0)
  assert.equal(stdout.slice(0, half), stdout.slice(half))
  const joined = await chat('one\\\ntwo')
  const alone = await json(['run', ...model, ...options, '-p', 'one\ntwo', '--json'])
  assert.equal(joined.stdout, `${alone.text}\n`)
})

test('a conversation outgrows its context', async () => {
  const lines = Array.from({ length: 8 }, (_, i) => `This is message number ${i}\n`).join('')
  const { code, stderr } = await chat(lines, ['-c', '192'])
  assert.equal(code, 0, stderr)
  assert.match(stderr, /^sotto: the conversation fills the context of 192 positions: its oldest/m)
  const long = await chat(`${'word '.repeat(400)}\nHello\n`, ['-c', '192'])
  assert.equal(long.code, 0, long.stderr)
  assert.match(long.stderr, /^sotto: this message does not fit the context of 192 positions/)
  assert.equal(long.stdout, (await chat('Hello\n', ['-c', '192'])).stdout)
})

test('no input at all', async () => {
  assert.deepEqual(
    { ...(await chat('')), bytes: null },
    { code: 0, bytes: null, stdout: '', stderr: '' },
  )
})
