// An engine and its GPU in one thread, with a recorder in the executor's place: what is asked of a
// GPU for a token, and in which order the core hears what is done.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { hash } from '../../js/dist/kernels.js'
import { SottoError } from '../../js/src/errors.js'
import { CoreEngine } from '../../js/src/worker/core-engine.js'
import { CoreModule } from '../../js/src/worker/core-module.js'
import { Loop } from '../../js/src/worker/loop.js'
import { tinyBytes } from '../js/lib/models.js'
import { Recorder } from './lib/recorder.js'

const wasm = readFileSync(new URL('../../js/dist/sotto-simd128.wasm', import.meta.url))
const numbers = {
  max_buffer: 2 ** 30,
  max_binding: 2 ** 30,
  max_storage_buffers: 8,
  max_workgroup_memory: 16384,
  max_invocations: 256,
  max_workgroups: 65535,
  alignment: 256,
  only_records: 1,
}

/** An engine with a loaded model; `wrap` may put something before its recorder. */
async function start({ wrap = (recorder) => recorder, gpu_hash = hash, reported = () => {} } = {}) {
  const compiled = await WebAssembly.compile(wasm)
  const module = await CoreModule.create(compiled, 'simd128', { initial: 0, maximum: 1 << 28 })
  const call = module.call.bind(module)
  module.call = (name, ...args) => {
    if (name === 'sotto_engine_gpu_report') reported(args[1], args[2])
    return call(name, ...args)
  }
  const engine = new CoreEngine(module, { backend: module.constant('BACKEND_WEBGPU') })
  let recorder
  const makeExecutor = (memory, layout) => {
    recorder = new Recorder(memory, layout)
    return wrap(recorder)
  }
  const crashes = []
  const gpu = { facts: { numbers, features: [] }, hash: gpu_hash, makeExecutor }
  engine.attachGpu(gpu, (error) => crashes.push(error))
  const bytes = tinyBytes()
  engine.setFiles(1)
  engine.setFileSize(0, bytes.length)
  engine.feedHeader(0, bytes)
  engine.endHeader(0)
  engine.startLoad(engine.plan())
  const feed = () => {
    for (;;) {
      const range = engine.nextRange(1 << 20, 'file')
      if (!range) return
      engine.feed(0, range.offset, bytes.subarray(range.offset, range.offset + range.length))
    }
  }
  feed()
  engine.info()
  return { engine, feed, recorder, crashes }
}

/** A loop over the engine, and the events of its requests as they come. */
function loopOf(engine) {
  const events = []
  const loop = new Loop(engine, {
    send: (id, some) => events.push(...some.map((event) => ({ id, ...event }))),
    yieldToEvents: () => turn(),
    onCrash: (error) => events.push({ kind: 'crash', error }),
  })
  const generate = (id, max_tokens) =>
    loop.add(
      id,
      {
        prompt: { kind: 'tokens', tokens: Int32Array.of(id, 20, 30) },
        fields: { max_tokens },
        flags: ['IGNORE_EOS', 'NO_LOOKUP'],
        stop: [],
        logit_bias: [],
      },
      1000,
    )
  const done = async (id) => {
    for (let i = 0; i < 2000; i++) {
      const end = events.find(
        (event) => event.kind === 'crash' || (event.id === id && event.kind === 'done'),
      )
      if (end) return end
      await turn()
    }
    assert.fail(`request ${id} does not end`)
  }
  return { loop, generate, done, events }
}

test('a token takes a write, dispatches and reads, and nothing new', async () => {
  const { engine, recorder } = await start()
  await engine.gpu.done()
  const setUp = recorder.kinds()
  assert.ok(setUp.BUFFER > 5 && setUp.PIPELINE > 5 && setUp.BIND_GROUP > 20 && setUp.WRITE > 1)
  assert.equal(setUp.READ, undefined)
  const { generate, done } = loopOf(engine)
  const answer = async (id) => {
    generate(id, 20)
    assert.equal((await done(id)).finish_reason, 'length')
  }
  await answer(1) // makes lists
  const from = recorder.streams.length
  await answer(2)
  const kinds = recorder.kinds(from)
  const { WRITE, CLEAR, DISPATCH, READ, SUBMIT, RUN = 0, LIST = 0, ...others } = kinds
  assert.deepEqual(others, {})
  assert.equal(WRITE, 20)
  assert.ok(LIST < 10, 'a list is given once')
  assert.ok(DISPATCH + RUN >= 20 && READ >= 20 && SUBMIT >= 20 && CLEAR >= 0)
})

test('the core hears of streams in their order, whatever order they are done in', async () => {
  const waiting = []
  const reports = []
  const wrap = (recorder) => ({
    room: () => recorder.room(),
    async execute(commands) {
      const done = recorder.execute(commands)
      await new Promise((resolve) => waiting.push(resolve))
      return done
    },
  })
  const { engine } = await start({ wrap, reported: (serial) => reports.push(serial) })
  assert.ok(waiting.length >= 2)
  for (const resolve of waiting.toReversed()) {
    assert.deepEqual(reports, [])
    resolve()
    await turn()
  }
  await engine.gpu.done()
  assert.deepEqual(
    reports,
    waiting.map((_, index) => index + 1),
  )
})

test('a cancel is seen while the GPU works, and its late work disturbs nobody', async () => {
  const waiting = []
  let hold = false
  const wrap = (recorder) => ({
    room: () => recorder.room(),
    async execute(commands) {
      const done = recorder.execute(commands)
      if (hold) await new Promise((resolve) => waiting.push(resolve))
      return done
    },
  })
  const { engine, crashes } = await start({ wrap })
  await engine.gpu.done()
  const { loop, generate, done, events } = loopOf(engine)
  let steps = 0
  const step = engine.step.bind(engine)
  engine.step = (ms) => {
    steps++
    return step(ms)
  }
  hold = true
  generate(1, 100)
  await turn()
  assert.equal(waiting.length, 1)
  const before = steps
  await turn()
  assert.equal(steps, before, 'nothing is asked while the GPU works')
  loop.cancel(1)
  await turn()
  assert.equal(steps, before + 1)
  generate(2, 3)
  await turn()
  hold = false
  for (const resolve of waiting) resolve()
  assert.equal((await done(2)).finish_reason, 'length')
  assert.deepEqual(
    events.filter(({ id }) => id !== 2),
    [],
  )
  assert.deepEqual(crashes, [])
})

test('a failure reaches whoever waits for the GPU, and no request; the CPU goes on', async () => {
  const error = new SottoError('gpu_lost', 'The GPU is gone: it fell')
  let fail = false
  const wrap = (recorder) => ({
    async room() {
      if (fail) throw error
    },
    async execute(commands) {
      if (fail) throw error
      return recorder.execute(commands)
    },
  })
  const { engine, feed } = await start({ wrap })
  const { gpu } = engine
  await gpu.done()
  fail = true
  const { loop, generate, done, events } = loopOf(engine)
  generate(1, 5)
  assert.equal(await gpu.failed, error)
  await assert.rejects(gpu.done(), error)
  await assert.rejects(gpu.room(), error)
  assert.throws(() => gpu.check(), error)
  assert.equal(engine.step(1), engine.module.constant('STEP_WAIT_GPU'))
  assert.deepEqual(events, [])
  const plan = engine.recover(undefined, assert.fail)
  assert.equal(plan.gpu_total, 0)
  assert.equal(engine.gpu, undefined)
  assert.equal(engine.step(1), engine.module.constant('STEP_WAIT_WEIGHTS'))
  feed()
  loop.wake()
  assert.equal((await done(1)).finish_reason, 'length')
})

test('kernels of another version are refused', async () => {
  await assert.rejects(start({ gpu_hash: '0123456789abcdef' }), { code: 'version_mismatch' })
})
