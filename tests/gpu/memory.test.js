// A GPU's memory: each allocation fails in turn and nothing is left behind; over a thousand
// requests nothing grows.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTestGpu } from './device.js'
import { pathOf } from './lib/engines.js'
import { idle, loadHere } from './lib/in-thread.js'

const path = pathOf('tiny-q8_0')
const prompt = [5, 9, 100]

/** A GPU whose buffer number `full` cannot be had, and all of its devices. */
function gpuWithout(full) {
  const devices = new Set()
  const gpu = openTestGpu({
    onCreateBuffer({ n, device }) {
      devices.add(device)
      if (n === gpu.full) return 'out-of-memory'
    },
  })
  gpu.full = full
  return Object.assign(gpu, { devices })
}

async function assertDestroyed({ devices }) {
  assert.equal(devices.size, 1)
  const [device] = devices
  assert.equal((await device.lost).reason, 'destroyed')
}

test('no memory for each buffer in turn: a typed error, and the device is given back', async () => {
  const whole = openTestGpu()
  const { end, answer } = await loadHere(path, whole)
  const expected = await answer(prompt, 3)
  await end()
  const n_buffers = whole.counts.buffers
  assert.ok(n_buffers > 50)
  let refused = 0
  for (let n = 1; n <= n_buffers; n++) {
    const gpu = gpuWithout(n)
    await assert.rejects(loadHere(path, gpu, { parts: idle }), ({ code, message }) => {
      if (code === 'gpu_unavailable' && gpu.counts.buffers < n) return true // none was missing
      refused++
      assert.equal(code, 'out_of_memory', `buffer ${n}: ${message}`)
      assert.match(message, /GPU/)
      return true
    })
    await assertDestroyed(gpu)
  }
  assert.ok(refused >= n_buffers - 5, `${refused} of ${n_buffers}`)
  const again = await loadHere(path, whole)
  assert.deepEqual(await again.answer(prompt, 3), expected)
  await again.end()
})

test('no memory while it answers: the request says so', async () => {
  const gpu = gpuWithout(0)
  const { answer, executor, engine, end } = await loadHere(path, gpu)
  await answer(prompt, 3)
  gpu.full = gpu.counts.buffers + 1
  // Two that are under way at a time need two buffers for what is read back.
  const both = [engine.gpu.poll(() => engine.saveState(new Int32Array())), answer(prompt, 3)]
  const ends = await Promise.allSettled(both)
  assert.ok(gpu.counts.buffers >= gpu.full)
  for (const { reason } of ends) assert.equal(reason?.code, 'out_of_memory')
  await assert.rejects(executor.room(), { code: 'out_of_memory' })
  await end()
  await assertDestroyed(gpu)
})

test('a thousand requests leave nothing behind', async () => {
  const gpu = openTestGpu()
  const { answer, executor, engine, end } = await loadHere(path, gpu, {
    parts: idle,
    tested: false,
    core: { n_parallel: 4 },
  })
  const ledger = () => {
    const { buffers, storage_bytes, uniform_bytes, staging_bytes } = executor.statistics()
    const { in_use, module } = engine.memory()
    return { buffers, storage_bytes, uniform_bytes, staging_bytes, in_use, module }
  }
  const some = (n, seed) =>
    Promise.all(
      Array.from({ length: n }, (_, i) => answer([5 + ((seed + i) % 90), 9, 3 + (i % 7)], 1)),
    )
  let after
  for (let n = 0; n < 1000; n += 10) {
    await some(10, n)
    if (n === 40) after = ledger()
  }
  assert.deepEqual(ledger(), after)
  assert.ok(executor.statistics().submits > 500)
  await end()
})
