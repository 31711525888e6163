// The executor on a GPU: streams as the core writes them, and what comes back.
import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { AT, BACK, destroyAll, increment, setUpScale, start, writeScale } from './lib/start.js'

afterEach(destroyAll)

for (const shared of [false, true]) {
  test(`computes, in memory that is ${shared ? '' : 'not '}shared`, async () => {
    const { memory, run, executor } = await start({ shared })
    await run(setUpScale(6))
    await run((s) => {
      writeScale(memory, s, 6, 2).dispatch(0, 0, 2).read(2, 0, BACK, 24)
    })
    assert.deepEqual(memory.f32(BACK, 6), [2.5, 4.5, 6.5, 8.5, 10.5, 12.5])
    const { waited_ms, ...statistics } = executor.statistics()
    assert.ok(waited_ms > 0 && waited_ms < 10_000)
    const { dispatches, reads, bytes_read, bytes_written, pipelines, last_step_ms, ...rest } =
      statistics
    assert.deepEqual(
      [dispatches, reads, bytes_read, bytes_written, pipelines],
      [1, 1, 24, 8 + 24, 1],
    )
    assert.deepEqual(rest, {
      submits: 1,
      readbacks: 1,
      buffers: 3,
      storage_bytes: 48,
      uniform_bytes: 16,
      staging_bytes: 65536,
    })
  })
}

test('buffers are zeros at first', async () => {
  const { memory, run } = await start()
  memory.putF32(BACK, [7, 7, 7, 7])
  await run((s) => s.buffer(0, 64).read(0, 16, BACK, 16))
  assert.deepEqual(memory.f32(BACK, 4), [0, 0, 0, 0])
})

test('what is written to shared memory in pieces arrives whole', async () => {
  const { memory, run } = await start({ shared: true })
  memory.grow(100)
  const n = (5 << 18) + 1 // words: more than one piece, and a rest
  memory.putF32(
    BACK,
    Float32Array.from({ length: n }, (_, i) => i),
  )
  await run((s) => s.buffer(0, 4 * n + 4).write(0, 4, BACK, 4 * n))
  memory.u8.fill(0, BACK, BACK + 4 * n)
  await run((s) => s.read(0, 4, BACK, 4 * n))
  assert.deepEqual(
    memory.f32(BACK, n),
    Array.from({ length: n }, (_, i) => i),
  )
})

test('lists run again and again, and a list of the same number replaces one', async () => {
  const { memory, run, executor } = await start()
  await run((s) => {
    increment(s).list(3, [
      [0, 0, 4],
      [0, 0, 2],
    ])
  })
  await run((s) => s.run(3).run(3).submit().run(3).read(0, 0, BACK, 16))
  assert.deepEqual(memory.f32(BACK, 4), [6, 6, 3, 3])
  await run((s) =>
    s
      .list(3, [[0, 0, 1]])
      .run(3)
      .read(0, 0, BACK, 16),
  )
  assert.deepEqual(memory.f32(BACK, 4), [7, 6, 3, 3])
  assert.equal(executor.statistics().dispatches, 7)
})

test('writes, dispatches, copies, clears and reads happen in the order of the stream', async () => {
  const { memory, run } = await start()
  await run((s) => increment(s).buffer(1, 32))
  memory.putF32(AT, [1, 2, 3, 4, 10, 20, 30, 40])
  await run(
    (s) =>
      s
        .write(0, 0, AT, 16)
        .dispatch(0, 0, 4)
        .read(0, 0, BACK, 16) // 2 3 4 5
        .write(0, 0, AT + 16, 16)
        .dispatch(0, 0, 2)
        .copy(0, 0, 1, 8, 16)
        .read(1, 0, BACK + 16, 32) // 0 0 11 21 30 40 0 0
        .clear(0, 4, 8)
        .dispatch(0, 0, 4)
        .copy(0, 0, 0, 8, 8) // within a buffer
        .read(0, 0, BACK + 48, 16), // 12 1 12 1
  )
  assert.deepEqual(memory.f32(BACK, 4), [2, 3, 4, 5])
  assert.deepEqual(memory.f32(BACK + 16, 8), [0, 0, 11, 21, 30, 40, 0, 0])
  assert.deepEqual(memory.f32(BACK + 48, 4), [12, 1, 12, 1])
})

test('copies within a buffer of growing sizes, in one stream', async () => {
  const { memory, run } = await start()
  memory.putF32(AT, [1, 2, 3, 4, 5, 6, 7, 8])
  await run((s) => s.buffer(0, 64).write(0, 0, AT, 32))
  await run((s) => s.copy(0, 0, 0, 32, 4).copy(0, 4, 0, 48, 16).read(0, 32, BACK, 32))
  assert.deepEqual(memory.f32(BACK, 8), [1, 0, 0, 0, 2, 3, 4, 5])
})

test('streams overtake nobody: several under way read what was there', async () => {
  const { memory, run } = await start()
  await run((s) => increment(s, 4).list(0, [[0, 0, 4]]))
  const all = []
  for (let i = 0; i < 20; i++) all.push(run((s) => s.run(0).read(0, 0, BACK + 16 * i, 16)))
  await Promise.all(all)
  const firsts = Array.from({ length: 20 }, (_, i) => memory.f32(BACK + 16 * i, 1)[0])
  assert.deepEqual(
    firsts,
    Array.from({ length: 20 }, (_, i) => i + 1),
  )
})

test('what is released may be used up to there, and its number again', async () => {
  const { memory, run, executor } = await start()
  await run((s) =>
    increment(s)
      .buffer(1, 16)
      .buffer(3, 16)
      .bindGroup(1, 0, [[1, 0, 16]]),
  )
  await run((s) => s.dispatch(0, 0, 4).dispatch(0, 1, 4).read(1, 0, BACK, 16).release(1, 5))
  assert.deepEqual(memory.f32(BACK, 4), [1, 1, 1, 1])
  assert.equal(executor.statistics().storage_bytes, 16)
  await run((s) =>
    s
      .buffer(1, 8)
      .read(1, 0, BACK, 8)
      .dispatch(0, 0, 4)
      .read(0, 0, BACK + 8, 8),
  )
  assert.deepEqual(memory.f32(BACK, 4), [0, 0, 2, 2])
  assert.equal(executor.statistics().storage_bytes, 24)
})

test('memory may grow while a read is under way', async () => {
  const { memory, run } = await start()
  await run((s) => increment(s))
  const reading = run((s) => s.dispatch(0, 0, 4).read(0, 0, BACK, 16))
  const before = memory.u8
  memory.grow()
  assert.equal(before.length, 0)
  await reading
  assert.deepEqual(memory.f32(BACK, 4), [1, 1, 1, 1])
  await run((s) => s.dispatch(0, 0, 4).read(0, 0, 17 * 65536 - 16, 16))
  assert.deepEqual(memory.f32(17 * 65536 - 16, 4), [2, 2, 2, 2])
})

test('what records point to is taken before execute returns', async () => {
  const { memory, run } = await start()
  memory.putF32(AT, [1, 2])
  const writing = run((s) => s.buffer(0, 8).write(0, 0, AT, 8))
  memory.u8.fill(0xff, 0, 65536)
  await writing
  await run((s) => s.read(0, 0, BACK, 8))
  assert.deepEqual(memory.f32(BACK, 2), [1, 2])
})

test('more than 64 MB of writes wait for the GPU', async () => {
  const { memory, run, executor } = await start()
  memory.grow(600)
  const MB = 1 << 20
  await run((s) => s.buffer(0, 32 * MB))
  await executor.room()
  const writing = [1, 2].map(() => run((s) => s.write(0, 0, BACK, 32 * MB)))
  let there = false
  const room = executor.room().then(() => {
    there = true
  })
  await Promise.resolve()
  assert.equal(there, false)
  await Promise.all(writing)
  await room
})
