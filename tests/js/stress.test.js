// A thousand short generations on twice as many threads as there are processors, several at once,
// some of them aborted: whatever is not aborted says what it says alone, and the engine
// is none the worse.
import assert from 'node:assert/strict'
import { availableParallelism } from 'node:os'
import { test } from 'node:test'
import { withTiny } from './lib/models.js'
import { random } from './lib/random.js'

const REQUESTS = 1000
const AT_ONCE = 12
const prompts = ['A', 'B house', 'See the river run', 'four', '12', 'It does not stop.', 'A river']

/** What is asked for, drawn by number: the same for the same draw. */
const requestOf = (next) => ({
  prompt: prompts[next(prompts.length)],
  max_tokens: 1 + next(24),
  temperature: next(2),
  seed: next(3),
  ignore_eos: true,
  cache_prompt: next(4) > 0,
})

/** Reads a stream, and aborts it in one of the two ways after `abortAt` chunks. */
async function readStream(stream, abort, abortAt, bySignal) {
  let text = ''
  let chunks = 0
  for await (const { choices } of stream) {
    text += choices[0].text
    if (++chunks !== abortAt) continue
    if (bySignal) abort.abort()
    else stream.abort()
  }
  return text
}

/** One generation; undefined if it was aborted. */
async function generate(engine, request, next) {
  const abort = new AbortController()
  const { signal } = abort
  const aborts = next(3) === 0
  try {
    if (next(2) === 0) {
      const stream = await engine.completions.create({ ...request, stream: true, signal })
      return await readStream(stream, abort, aborts ? 1 + next(8) : 0, next(2))
    }
    const reply = engine.completions.create({ ...request, signal })
    // After some turns of the worker's loop: before the answer has begun, in it, or behind its end.
    for (let turns = aborts ? next(6) : -1; turns >= 0; turns--) {
      if (turns === 0) abort.abort()
      else await engine.tokenize('a')
    }
    return (await reply).choices[0].text
  } catch (error) {
    assert.equal(error.name, 'AbortError')
    assert.ok(aborts)
    return undefined
  }
}

test('a thousand generations at once, aborted at random', { timeout: 180_000 }, async () => {
  const requests = Array.from({ length: REQUESTS }, (_, i) => requestOf(random(i % 300)))
  const alone = await withTiny(
    async (engine) => {
      const texts = []
      for (const request of requests.slice(0, 300)) {
        texts.push((await engine.completions.create(request)).choices[0].text)
      }
      return texts
    },
    { n_threads: 1 },
  )

  const options = { n_threads: Math.min(64, 2 * availableParallelism()), n_parallel: 5 }
  await withTiny(async (engine) => {
    assert.equal(engine.info.n_threads, options.n_threads)
    let number = 0
    let finished = 0
    const worker = async () => {
      while (number < REQUESTS) {
        const mine = number++
        const text = await generate(engine, requests[mine], random(7919 * mine + 1))
        if (text === undefined) continue
        assert.equal(text, alone[mine % 300], `request ${mine}`)
        finished++
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, worker))
    assert.ok(finished > REQUESTS / 2 && finished < REQUESTS, `${finished} were not aborted`)
    const { in_use } = await engine.memory()
    for (const [i, request] of requests.slice(0, 20).entries()) {
      assert.equal((await engine.completions.create(request)).choices[0].text, alone[i])
    }
    assert.ok((await engine.memory()).in_use <= in_use, 'nothing was kept')
  }, options)
})
