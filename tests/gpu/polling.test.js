// How often Dawn is let look for finished work.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pollSparingly } from '../../js/src/worker/dawn-polling.js'

class Executor {
  execute(stream) {
    return Promise.resolve(stream)
  }
}

const own = { findGpu: async () => undefined, Executor }
const sparing = pollSparingly(own)

/** How often a function that calls itself by setImmediate ran between two times, both in ms. */
const pollsBetween = (from, to) =>
  new Promise((resolve) => {
    let polls = 0
    const begun = performance.now()
    const poll = () => {
      const waited = performance.now() - begun
      if (waited >= from) polls++
      if (waited < to) setImmediate(poll)
      else resolve(polls)
    }
    setImmediate(poll)
  })

test('less often the longer it takes', async () => {
  assert.equal(sparing.findGpu, own.findGpu)
  const executor = new sparing.Executor()
  assert.equal(await executor.execute('a stream'), 'a stream')
  assert.ok((await pollsBetween(20, 60)) < 120) // thousands, else
  assert.ok((await pollsBetween(20, 60)) < 120, 'while nothing new was given')
  let most = 0 // a busy machine may miss some
  for (let i = 0; i < 20; i++) {
    executor.execute('a stream')
    most = Math.max(most, await pollsBetween(0, 0.9))
  }
  assert.ok(most > 5, 'in every turn behind new work')
})

test('with what it was given', async () => {
  const given = await new Promise((resolve) => setImmediate((...args) => resolve(args), 1, 'two'))
  assert.deepEqual(given, [1, 'two'])
})
