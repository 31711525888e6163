// Engines whose GPU is lost: answers go on as if nothing had happened, on another GPU or on the
// CPU, and a typed error says where that cannot be.
import assert from 'node:assert/strict'
import { copyFileSync, createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { loadModel, planModel } from 'sotto'
import { Gpus } from '../../js/src/worker/open-gpu.js'
import { tinyBytes, tinyPath, until, withEngine } from '../js/lib/models.js'
import { random } from '../js/lib/random.js'
import { rangeServer } from '../js/lib/range-server.js'
import { listener, lose, onGpu, request } from './lib/faults.js'

const model = tinyPath('f32')
const textOf = async (engine, more = {}) =>
  (await engine.completions.create({ ...request, ...more })).choices[0].text

let expected
let longer

before(async () => {
  await withEngine(model, { backend: 'cpu' }, async (engine) => {
    expected = await textOf(engine)
    longer = await textOf(engine, { max_tokens: 24 })
  })
})

const isOnGpu = (engine) => {
  assert.equal(engine.info.gpu?.software, true)
  assert.equal(engine.info.gpu_refusal, '')
  assert.ok(engine.plan.gpu_total > 0)
}

const isOnCpu = (engine, reason) => {
  assert.equal(engine.info.gpu, undefined)
  assert.match(engine.info.gpu_refusal, reason)
  assert.equal(engine.plan.gpu_total, 0)
  assert.equal(engine.plan.total, engine.plan.cpu_total)
}

/** A stream's text, with a loss behind its third piece. */
async function textWithLoss(engine, channel, more = {}) {
  const stream = await engine.completions.create({ ...request, ...more, stream: true })
  let text = ''
  let n = 0
  for await (const { choices } of stream) {
    text += choices[0]?.text ?? ''
    if (++n === 3) await lose(channel)
  }
  return text
}

test('lost at the first submit: loading goes on on another GPU, with a warning', async () => {
  const { warnings, onWarning } = listener()
  await withEngine(model, onGpu('dawn.js?lose=1', { onWarning }), async (engine) => {
    isOnGpu(engine)
    assert.equal(await textOf(engine), expected)
  })
  assert.equal(warnings.length, 1)
  assert.equal(warnings[0].code, 'gpu_lost')
  assert.match(warnings[0].message, /lost by the test\. The engine goes on on a GPU again/)
})

test('lost at any submit of loading, a prompt or an answer: the same answer', async (t) => {
  const prefill = { prompt: request.prompt }
  const load = (module, onWarning) => loadModel(model, onGpu(module, { prefill, onWarning }))
  const whole = await load('dawn.js')
  assert.equal(await textOf(whole), expected)
  const { submits } = (await whole.statistics()).gpu
  await whole.dispose()
  const rounds = Number(process.env.SOTTO_LOSSES ?? 6)
  const seed = Number(process.env.SOTTO_SEED ?? Date.now() % 1e6)
  const next = random(seed)
  t.diagnostic(`seed ${seed}, ${rounds} of ${submits} submits`)
  for (let i = 0; i < rounds; i++) {
    const at = 1 + Math.floor(((i + next(1000) / 1000) * submits) / rounds) // one in each part
    const { warnings, onWarning } = listener()
    const module = `dawn.js?lose=${at}${i % 2 ? '&adapters=1' : ''}`
    const engine = await load(module, onWarning)
    assert.equal(await textOf(engine), expected, module)
    assert.equal(warnings.length, 1, module)
    if (i % 2) isOnCpu(engine, /no adapter/)
    else isOnGpu(engine)
    await engine.dispose()
  }
})

test('an answer under way goes on on another GPU, and then on the CPU', async () => {
  const { warnings, onWarning } = listener()
  await withEngine(model, onGpu('dawn.js?listen=two', { onWarning }), async (engine) => {
    assert.equal(await textWithLoss(engine, 'two', { max_tokens: 24 }), longer)
    isOnGpu(engine)
    assert.equal(await textWithLoss(engine, 'two', { max_tokens: 24, seed: 1 }), longer)
    isOnCpu(engine, /lost too often/)
    assert.equal(await textOf(engine), expected)
  })
  assert.equal(warnings.length, 2)
  assert.match(warnings[1].message, /goes on on the CPU: it was lost too often/)
})

test('requests that come meanwhile wait, and several go on together', async () => {
  await withEngine(tinyBytes('f32'), onGpu('dawn.js?listen=many'), async (engine) => {
    const first = textWithLoss(engine, 'many', { max_tokens: 24 })
    const second = textOf(engine, { max_tokens: 24 })
    await sleep(20)
    const others = [1, 2, 3].map((seed) => textOf(engine, { seed, cache_prompt: false }))
    assert.deepEqual(await Promise.all([first, second]), [longer, longer])
    for (const text of await Promise.all(others)) assert.equal(text, expected)
    isOnGpu(engine)
  })
})

test('lost again while the weights are read once more: the CPU', async () => {
  const whole = await loadModel(model, onGpu())
  const { submits } = (await whole.statistics()).gpu
  await whole.dispose()
  const { warnings, onWarning } = listener()
  const module = `dawn.js?lose=${submits},${submits + 2}`
  await withEngine(model, onGpu(module, { onWarning }), async (engine) => {
    assert.equal(await textOf(engine), expected)
    isOnCpu(engine, /lost too often/)
  })
  assert.equal(warnings.length, 2)
})

test('a cancel, a new state and the end of the engine do not wait for what was lost', async () => {
  const { warnings, onWarning } = listener()
  const engine = await loadModel(model, onGpu('dawn.js?listen=busy&slow=30', { onWarning }))
  await textOf(engine)
  const saving = assert.rejects(engine.saveState(), { code: 'gpu_lost' })
  const abort = new AbortController()
  const working = textOf(engine, { max_tokens: 200, signal: abort.signal })
  await lose('busy')
  await sleep(5)
  abort.abort()
  await assert.rejects(working, { name: 'AbortError' })
  await saving
  assert.equal(await textOf(engine), expected)
  assert.ok((await engine.saveState()).length > 0)
  const last = assert.rejects(textWithLoss(engine, 'busy', { max_tokens: 200 }), {
    code: 'disposed',
  })
  await sleep(150)
  await engine.dispose()
  await last
  for (const { message } of warnings) assert.match(message, /^The GPU is gone: lost by the test/)
})

test('a URL is read from the cache, by ranges again, or from its start', async () => {
  const cacheDir = mkdtempSync(join(tmpdir(), 'sotto-'))
  let ranges = true
  const server = await rangeServer(tinyBytes('f32'), () => ({ ranges }))
  const asks = async (options) => {
    const more = onGpu('dawn.js?listen=url', { cacheDir, onWarning() {}, ...options })
    return withEngine(`${server.url}/model.gguf`, more, async (engine) => {
      const before = server.requests.length
      assert.equal(await textWithLoss(engine, 'url'), expected)
      return server.requests.length - before
    })
  }
  try {
    for (const cache of ['reload', 'default']) assert.equal(await asks({ cache }), 0)
    assert.ok((await asks({ cache: 'no-store' })) > 0)
    ranges = false
    assert.ok((await asks({ cache: 'no-store' })) > 0)
    assert.ok((await asks({ cache: 'no-store', fetch: (...given) => fetch(...given) })) > 0)
  } finally {
    await server.close()
    rmSync(cacheDir, { recursive: true })
  }
})

/** Gpus whose devices, all of them in `devices`, are lost once `lose` is called. */
function pretendedGpus() {
  const devices = []
  const findGpu = async () => {
    const device = { destroy() {} }
    device.lost = new Promise((resolve) => {
      device.lose = resolve
    })
    devices.push(device)
    return { device, facts: { numbers: {} }, info: {} }
  }
  const host = {
    open: async () => ({}),
    code: async () => ({ findGpu, Executor: null }),
    kernels: async () => ({}),
  }
  return { devices, gpus: new Gpus({ backend: 'webgpu', gpu: {} }, host, async () => {}) }
}

test('the end waits for a GPU that is given back already, and no other one is opened', async () => {
  const { devices, gpus } = pretendedGpus()
  await gpus.first()
  const another = assert.rejects(gpus.another(), { name: 'AbortError' })
  let ended = false
  const end = gpus.end().then(() => {
    ended = true
  })
  await sleep(20)
  assert.equal(ended, false)
  devices[0].lose()
  await Promise.all([end, another])
  assert.equal(devices.length, 1)
})

test('a GPU that was found too late for the end is given back at once', async () => {
  const { devices, gpus } = pretendedGpus()
  const first = assert.rejects(gpus.first(), { name: 'AbortError' })
  const end = gpus.end()
  await until(() => devices.length === 1)
  devices[0].lose()
  await Promise.all([end, first])
  assert.equal(gpus.present, undefined)
})

// ---- what cannot go on ----

/** Whether a request, and the next one, fail like this after a loss. */
async function failsAfterLoss(source, channel, options, code, message) {
  const { warnings, onWarning } = listener()
  const module = `dawn.js?listen=${channel}&adapters=${options.adapters ?? 9}`
  await withEngine(source, onGpu(module, { ...options.more, onWarning }), async (engine) => {
    options.spoil?.()
    const error = (given) => {
      assert.equal(given.code, code)
      assert.match(given.message, /^The GPU is gone: lost by the test\. /)
      assert.match(given.message, message)
      return true
    }
    await assert.rejects(textWithLoss(engine, channel, { max_tokens: 24 }), error)
    await assert.rejects(textOf(engine), error)
    await assert.rejects(engine.saveState(), error)
    assert.ok((await engine.tokenize('A')).length > 0)
  })
  return warnings
}

test('a stream cannot be read twice', async () => {
  const stream = () => Readable.toWeb(createReadStream(model))
  const message = /stream cannot be read a second time: load the model again, from a URL/
  await failsAfterLoss(stream(), 'stream', {}, 'gpu_lost', message)
  await assert.rejects(loadModel(stream(), onGpu('dawn.js?lose=1')), ({ code, message: text }) => {
    assert.match(text, message)
    return code === 'gpu_lost'
  })
})

test('a file that has changed, or is gone, is not read in the place of the first', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-'))
  const path = join(folder, 'model.gguf')
  const change = () => writeFileSync(path, tinyBytes('f32'))
  const remove = () => rmSync(path)
  try {
    copyFileSync(model, path)
    await failsAfterLoss(path, 'file', { spoil: change }, 'source_changed', /is another file/)
    await failsAfterLoss(path, 'gone', { spoil: remove }, 'io_error', /ENOENT/)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('the CPU needs memory that it is not given', async () => {
  const plan = await planModel(model, onGpu('dawn.js', { n_ctx: 8192 }))
  assert.ok(plan.cpu_total > plan.total)
  const more = { n_ctx: 8192, memory_budget: plan.total }
  const options = { adapters: 1, more }
  await failsAfterLoss(model, 'small', options, 'memory_budget_exceeded', /are allowed/)
})

test('a process ends as it should while its engine recovers', async () => {
  const engine = await loadModel(model, onGpu('dawn.js?listen=end'))
  let done = false
  const text = textWithLoss(engine, 'end', { max_tokens: 100 }).finally(() => {
    done = true
  })
  text.catch(() => {})
  await sleep(60)
  await engine.dispose()
  await until(() => done)
  await assert.rejects(text, { code: 'disposed' })
})
