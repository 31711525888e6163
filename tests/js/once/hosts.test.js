// What the command under wasmtime and Node.js have in common: a saved state moves from one to the
// other and back, and a text has the same score.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { json, scratch, tiny } from '../../cli/command.js'
import { tinyPath, withEngine } from '../lib/models.js'

const text = 'The quick brown fox jumps over the lazy dog and goes home'
const n = 12

test('a state of wasmtime goes on in Node.js, and the other way round', async () => {
  const file = join(scratch, 'moved.state')
  const args = ['-m', tiny('q4_1'), '--raw', '-p', text, '-n', String(n), '--temp', '0']
  const run = (more) => json(['run', ...args, '--ignore-eos', '--json', ...more])
  const there = await run(['--save-state', file])
  await withEngine(tinyPath('q4_1'), {}, async (engine) => {
    const { n_tokens } = await engine.loadState(new Uint8Array(readFileSync(file)))
    assert.equal(n_tokens, there.usage.total_tokens - 1)
    const request = { prompt: text, max_tokens: n, temperature: 0, ignore_eos: true }
    const here = await engine.completions.create(request)
    assert.equal(here.choices[0].text, there.text)
    assert.equal(here.timings.cache_n, there.usage.prompt_tokens - 1)
    writeFileSync(file, await engine.saveState())
  })
  const back = await run(['--load-state', file])
  assert.equal(back.text, there.text)
  assert.equal(back.timings.cache_n, there.usage.prompt_tokens - 1)
})

test('a text has the same score in wasmtime and in Node.js, bit by bit', async () => {
  const there = await json(['perplexity', '-m', tiny('q4_1'), '-c', '64', '-p', text, '--json'])
  await withEngine(tinyPath('q4_1'), {}, async (engine) => {
    const here = await engine.score(text)
    assert.equal(here.nll, there.nll)
    assert.equal(here.tokens.length, there.tokens)
  })
})
