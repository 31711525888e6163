// Engines on a GPU through the library: the same answers as the reference, cancelling, snapshots,
// and what becomes of an engine whose GPU is not there or fails at once.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import { before, test } from 'node:test'
import { loadModel, planModel } from 'sotto'
import { prompt, tinyPath, withEngine } from '../js/lib/models.js'
import { moduleUrl, onGpu, request } from './lib/faults.js'

async function allLogits(engine, more = {}) {
  const steps = []
  for await (const { logits } of engine.logits({ ...request, ...more })) steps.push(logits)
  return steps
}

/** Largest difference, as a share of the largest logit. */
function difference(a, b) {
  assert.equal(a.length, b.length)
  let [most, largest] = [0, 0]
  a.forEach((step, i) => {
    step.forEach((logit, j) => {
      most = Math.max(most, Math.abs(logit - b[i][j]))
      largest = Math.max(largest, Math.abs(b[i][j]))
    })
  })
  return most / largest
}

/** Of the largest logit: activations are int16, and sums in another order. */
const SAME = 3e-4

let expected

before(async () => {
  expected = await withEngine(tinyPath(), { backend: 'naive' }, allLogits)
})

test('computes what the reference does, alone and beside others', async () => {
  await withEngine(tinyPath(), onGpu(), async (engine) => {
    assert.equal(engine.info.gpu.software, true)
    const { gpu_weights, gpu_total } = engine.plan
    const { gpu } = await engine.memory()
    assert.ok(gpu > gpu_weights && gpu <= gpu_total + 65536, `${gpu} of ${gpu_total}`)
    const alone = await allLogits(engine, { cache_prompt: false })
    assert.ok(difference(alone, expected) < SAME)
    const others = ['Another', 'A third one, which is longer', prompt].map((text) =>
      allLogits(engine, { prompt: text, cache_prompt: false }),
    )
    assert.ok(difference((await Promise.all(others))[2], expected) < SAME)
  })
})

test('from a stream, with a prompt that is computed meanwhile', async () => {
  const source = Readable.toWeb(createReadStream(tinyPath(), { highWaterMark: 3000 }))
  const progress = []
  const options = onGpu('dawn.js', {
    prefill: { prompt },
    onProgress: ({ status, loaded }) => status === 'prefill' && progress.push(loaded),
  })
  await withEngine(source, options, async (engine) => {
    const { timings } = await engine.completions.create(request)
    assert.ok(timings.cache_n > 0)
    assert.equal(progress.at(-1), timings.cache_n + timings.prompt_n)
    assert.ok(difference(await allLogits(engine), expected) < SAME)
  })
})

test('a cancel is seen while the GPU works, and the engine goes on', async () => {
  await withEngine(tinyPath(), onGpu(), async (engine) => {
    for (const wait of [0, 1, 2]) {
      const abort = new AbortController()
      const { signal } = abort
      const long = { ...request, max_tokens: 200, stream: true, signal }
      const stream = await engine.completions.create(long)
      const read = async () => {
        let n = 0
        for await (const chunk of stream) if (chunk && n++ === wait) abort.abort()
      }
      await assert.rejects(read(), { name: 'AbortError' })
    }
    const steps = await allLogits(engine, { cache_prompt: false })
    assert.ok(difference(steps, expected) < SAME)
  })
})

test('snapshots come from the GPU and go back', async () => {
  const states = await withEngine(tinyPath(), onGpu(), async (engine) => {
    await engine.completions.create({ ...request, max_tokens: 1 })
    const working = engine.completions.create({ ...request, max_tokens: 40 })
    const states = await Promise.all([engine.saveState(), engine.saveState()])
    await working
    return states
  })
  await withEngine(tinyPath(), onGpu(), async (engine) => {
    for (const state of states) assert.ok((await engine.loadState(state)).n_tokens > 10)
    const { timings } = await engine.completions.create(request)
    assert.ok(timings.cache_n > 10)
    assert.ok(difference(await allLogits(engine), expected) < SAME)
  })
})

test('a plan says what the GPU will have', async () => {
  const plan = await planModel(tinyPath(), onGpu())
  assert.equal(plan.gpu_total, plan.gpu_weights + plan.gpu_kv + plan.gpu_scratch)
  assert.ok(plan.gpu_weights > 0 && plan.fits)
})

// ---- what goes wrong ----

const unavailable = (reason) => (error) => {
  assert.equal(error.code, 'gpu_unavailable')
  assert.match(error.message, reason)
  assert.match(error.details.reason, reason)
  return true
}

test('no GPU that may be used: the reason is said', async () => {
  const options = (module, allowSoftware) => ({
    backend: 'webgpu',
    gpu: { allowSoftware, module: moduleUrl(module) },
  })
  const load = (...given) => loadModel(tinyPath(), options(...given))
  await assert.rejects(
    load('dawn.js', false),
    unavailable(/processor that plays a GPU.*SwiftShader/),
  )
  await assert.rejects(load('dawn.js?adapters=0', true), unavailable(/no adapter/))
  await assert.rejects(load('layout.js', true), unavailable(/layout\.js exports no gpu/))
  await assert.rejects(load('missing.js', true), unavailable(/missing\.js/))
})

test('a kernel that the driver does not compile ends loading', async () => {
  const loading = loadModel(tinyPath(), onGpu('dawn.js?break=rope'))
  await assert.rejects(loading, (error) => {
    assert.equal(error.code, 'internal_error')
    assert.match(error.message, /refused the kernel .*rope/)
    return true
  })
})

test('a GPU that computes wrongly is not used', async () => {
  await assert.rejects(loadModel(tinyPath(), onGpu('dawn.js?spoil=rope')), (error) => {
    assert.equal(error.code, 'gpu_unavailable')
    assert.match(error.message, /rope/)
    return true
  })
})

test('a GPU without memory for the model ends loading, with the sizes', async () => {
  await assert.rejects(loadModel(tinyPath(), onGpu('dawn.js?full=5')), (error) => {
    assert.equal(error.code, 'out_of_memory')
    assert.ok(error.details.gpu_bytes > 0 && error.details.gpu_bytes_in_use > 0)
    return true
  })
})

/** Runs a script that has `load()`; its exit code and output. */
async function runScript(text) {
  const script = `
    import { loadModel } from 'sotto'
    const load = (more) => loadModel(${JSON.stringify(tinyPath())}, {
      ...${JSON.stringify(onGpu())}, ...more })
    ${text}`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    cwd: new URL('../../', import.meta.url),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data) => {
      output += data
    })
  }
  const [code] = await once(child, 'exit')
  return { code, output }
}

test('a process ends as it should, whatever its engine is doing', async () => {
  const scripts = {
    'with an idle engine': 'await load()',
    'after dispose': 'await (await load()).dispose()',
    'by process.exit with an idle engine': 'await load(); process.exit(0)',
    'disposed while it generates': `
      const engine = await load()
      const stream = await engine.completions.create({
        prompt: 'A', max_tokens: 200, ignore_eos: true, stream: true })
      for await (const chunk of stream) break
      await engine.dispose()
      process.exit(0)`,
    'aborted while it loads': `
      for (const ms of [0, 50, 100, 200, 300, 400, 500, 600]) {
        await load({ signal: AbortSignal.timeout(ms) })
          .then((engine) => engine.dispose(), () => {})
      }
      process.exit(0)`,
  }
  for (const [name, script] of Object.entries(scripts)) {
    assert.deepEqual(await runScript(script), { code: 0, output: '' }, name)
  }
})
