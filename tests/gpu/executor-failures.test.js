// What goes wrong on a GPU: every stream ends, with an error that says what it was.
import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { gpu } from './lib/dawn.js'
import { BACK, destroyAll, increment, scaling, start } from './lib/start.js'

afterEach(destroyAll)

/** The error that a stream ends with. */
const failure = (work) =>
  work.then(
    () => assert.fail('no error'),
    (error) => error,
  )

test("WGSL that does not compile: an error with the names and the compiler's words", async () => {
  const { run } = await start()
  const error = await failure(run((s) => s.pipeline(0, 'scale broken', 'urw', scaling[2])))
  assert.equal(error.code, 'internal_error')
  assert.match(error.message, /refused the kernel scale broken: .*nothing.*\(line \d+: .*return a/)
  assert.deepEqual(error.details.parts, ['scale', 'broken'])
})

test('a kernel that the build does not have', async () => {
  const { run } = await start()
  const error = await failure(run((s) => s.pipeline(0, 'scale missing', 'urw')))
  assert.equal(error.code, 'version_mismatch')
  assert.match(error.message, /missing/)
})

test("bindings that are not the kernel's", async () => {
  const { run } = await start()
  const error = await failure(run((s) => s.pipeline(0, 'scale f', 'uww', scaling[2])))
  assert.equal(error.code, 'internal_error')
  assert.match(error.message, /scale f: .*binding/i)
})

test('a bind group beyond its buffer', async () => {
  const { run } = await start()
  const error = await failure(run((s) => increment(s).bindGroup(1, 0, [[0, 0, 32]])))
  assert.equal(error.code, 'internal_error')
  assert.match(error.message, /bind group 1/)
})

test('a command that the GPU refuses fails its stream and all later ones', async () => {
  const { memory, run } = await start()
  await run((s) => increment(s))
  memory.putF32(BACK, [7])
  const refused = run((s) => s.dispatch(0, 0, 70000).read(0, 0, BACK, 4))
  const behind = run((s) => s.read(0, 0, BACK, 4))
  for (const error of [await failure(refused), await failure(behind)]) {
    assert.equal(error.code, 'internal_error')
    assert.match(error.message, /70000/)
  }
  await sleep(20) // until the map has been answered
  assert.deepEqual(memory.f32(BACK, 1), [7])
  await assert.rejects(
    run((s) => s.read(0, 0, BACK, 4)),
    { code: 'internal_error' },
  )
})

test('a list or a pipeline that is not there, a record of no known kind', async () => {
  const one = await start()
  assert.match((await failure(one.run((s) => s.run(5)))).message, /list 5/)
  const early = await start()
  const dispatch = early.run((s) => increment(s).dispatch(0, 0, 4))
  assert.match((await failure(dispatch)).message, /pipeline 0 is not compiled yet/)
  const other = await start()
  const damaged = other.run((s) => {
    s.submit()
    other.memory.view.setUint32(0, 99, true)
  })
  assert.match((await failure(damaged)).message, /Unknown/)
})

test('no memory for a buffer: the sizes are said', async () => {
  const { run, device, executor } = await start()
  const size = device.limits.maxBufferSize
  let made = 0
  await run((s) => s.buffer(1000, 1 << 20))
  const fill = async () => {
    for (; made < 256; made++) await run((s) => s.buffer(made, size))
  }
  const error = await failure(fill())
  assert.equal(error.code, 'out_of_memory')
  assert.deepEqual(error.details, { gpu_bytes: size, gpu_bytes_in_use: made * size + (1 << 20) })
  assert.ok(error.message.includes(`buffer ${made}: ${Math.ceil(size / 1e6)} MB beside `))
  await assert.rejects(executor.room(), { code: 'out_of_memory' })
})

const ways = {
  'is destroyed': { lose: (device) => device.destroy(), message: /destroyed/ },
  'goes away': { lose: (device) => gpu.lose(device), message: /lost by the test/ },
}
for (const [way, { lose, message }] of Object.entries(ways)) {
  test(`the GPU ${way} while a read is under way`, async () => {
    const { memory, run, device, executor } = await start()
    await run((s) => increment(s))
    memory.putF32(BACK, [7])
    const reading = run((s) => s.dispatch(0, 0, 4).read(0, 0, BACK, 4))
    const later = run((s) => s.dispatch(0, 0, 4))
    lose(device)
    for (const stream of [reading, later]) {
      const error = await failure(stream)
      assert.equal(error.code, 'gpu_lost')
      assert.match(error.message, message)
    }
    assert.deepEqual(memory.f32(BACK, 1), [7])
    await assert.rejects(
      run((s) => s.dispatch(0, 0, 4)),
      { code: 'gpu_lost' },
    )
    await assert.rejects(executor.room(), { code: 'gpu_lost' })
    await executor.destroy()
  })

  test(`the GPU ${way} while it compiles and makes buffers`, async () => {
    const { run, device } = await start()
    const compiling = run((s) => increment(s).pipeline(1, ...scaling))
    lose(device)
    const error = await failure(compiling)
    assert.equal(error.code, 'gpu_lost')
    assert.match(error.message, message)
  })
}

test('destroy ends what is under way, and nothing works after it', async () => {
  const { run, executor } = await start()
  await run((s) => increment(s))
  const reading = run((s) => s.dispatch(0, 0, 4).read(0, 0, BACK, 4))
  executor.destroy()
  assert.equal((await failure(reading)).code, 'gpu_lost')
  assert.equal((await failure(run((s) => s.buffer(1, 4)))).code, 'gpu_lost')
  await assert.rejects(executor.room(), { code: 'gpu_lost' })
})
