// What computes where that was left open: a GPU where one may be used, has room, does what it
// should and measures faster; else the CPU, with the reason. And a GPU's ledger, before and after.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { mock, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { loadModel, planModel } from 'sotto'
import { fileSource } from '../../js/src/source/file.js'
import { CoreModule } from '../../js/src/worker/core-module.js'
import { load } from '../../js/src/worker/loader.js'
import { Gpus } from '../../js/src/worker/open-gpu.js'
import { tinyBytes, tinyPath, withEngine } from '../js/lib/models.js'
import { listener, moduleUrl, onGpu, request } from './lib/faults.js'
import { Recorder } from './lib/recorder.js'

const model = tinyPath()
const auto = (module, { gpu, ...more } = {}) => onGpu(module, { backend: 'auto', gpu, ...more })

/** Loads with backend auto; checks that the CPU computes, silently and for this reason. */
async function isOnCpu(options, reason, source = model) {
  const { warnings, onWarning } = listener()
  await withEngine(source, { ...options, onWarning }, async (engine) => {
    const { info, plan } = engine
    assert.equal(info.gpu, undefined)
    assert.match(info.gpu_refusal, reason)
    assert.equal(plan.gpu_total, 0)
    assert.equal(plan.cpu_total, plan.total)
    const { gpu } = await engine.statistics()
    assert.equal(gpu, undefined)
    const { usage } = await engine.completions.create(request)
    assert.equal(usage.completion_tokens, request.max_tokens)
  })
  assert.deepEqual(warnings, [])
}

test('auto: no GPU, none that may be used, none for this process', async () => {
  const real = process.env.VK_ICD_FILENAMES
  await isOnCpu(auto('dawn.js?adapters=0'), /no adapter/)
  await isOnCpu(auto('dawn.js', { gpu: { allowSoftware: false } }), /processor that plays a GPU/)
  await isOnCpu(auto('layout.js'), /layout\.js exports no gpu/)
  try {
    delete process.env.VK_ICD_FILENAMES
    process.env.XDG_DATA_DIRS = '/nowhere'
    process.env.XDG_DATA_HOME = '/nowhere'
    // Where a driver is installed all the same, there is no more to say than that.
    await withEngine(model, { backend: 'auto' }, async ({ info }) =>
      assert.ok(info.gpu || info.gpu_refusal),
    )
  } finally {
    process.env.VK_ICD_FILENAMES = real
    delete process.env.XDG_DATA_DIRS
    delete process.env.XDG_DATA_HOME
  }
})

test('auto: a GPU that measures slower, is refused by the plan or fails its set-up', async () => {
  await isOnCpu(auto(), /^the CPU is faster: [\d.]+ ms a token, the GPU [\d.]+ ms$/)
  await isOnCpu(auto('dawn.js?slow=6000&from=2'), /^the GPU takes too long$/)
  await isOnCpu(auto('dawn.js', { gpu: { memory_budget: 1000 } }), /MB of the GPU .*allowed/)
  await isOnCpu(auto('dawn.js?break=rope'), /refused the kernel .*rope/)
  await isOnCpu(auto('dawn.js?full=5'), /The GPU has no memory left for buffer/)
})

test('auto: a host that never says whether it has a GPU is not waited for', async () => {
  const host = { open: () => new Promise(() => {}) }
  const gpus = new Gpus({ backend: 'auto', gpu: {} }, host, async () => {})
  mock.timers.enable({ apis: ['setTimeout'] })
  try {
    const first = gpus.first()
    mock.timers.tick(10_000)
    await first
  } finally {
    mock.timers.reset()
  }
  assert.equal(gpus.present, undefined)
  assert.match(gpus.refusal, /does not answer/)
  await gpus.end()
})

test('cpu and naive look for no GPU', async () => {
  for (const backend of ['cpu', 'naive']) {
    const options = { backend, gpu: { module: moduleUrl('missing.js') } }
    await withEngine(model, options, async ({ info }) => {
      assert.deepEqual([info.gpu, info.gpu_refusal], [undefined, ''])
    })
  }
})

test('nothing of the weights is asked for before it is known what computes', async () => {
  const bytes = tinyBytes()
  const reads = []
  const source = {
    size: bytes.length,
    supportsRanges: true,
    async *read(offset, length) {
      reads.push({ offset, time: performance.now() })
      for (let at = offset; at < offset + length && at < bytes.length; at += 1000) {
        yield bytes.subarray(at, Math.min(at + 1000, offset + length, bytes.length))
      }
    },
  }
  let planned
  const onPlan = () => {
    planned = performance.now()
  }
  await isOnCpu(auto('dawn.js?slow=200', { onPlan }), /the CPU is faster/, source)
  const [{ time }] = reads.filter(({ offset }) => offset > 0)
  assert.ok(time - planned >= 4 * 200, 'four tokens are timed')
})

// ---- the decision, with a trial that says what it is to say ----

const compiled = WebAssembly.compile(
  readFileSync(new URL('../../js/dist/sotto-simd128.wasm', import.meta.url)),
)
const { hash } = await import('../../js/dist/kernels.js')
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

/** Loads in this thread, on a GPU that keeps records, where a token takes so many milliseconds. */
async function loadWithTrial(gpu_ms, cpu_ms, core = {}) {
  const gpus = {
    optional: true,
    present: undefined,
    refusal: '',
    async first() {
      const makeExecutor = (memory, layout) => new Recorder(memory, layout)
      gpus.present = { facts: { numbers, features: [] }, hash, makeExecutor, end: async () => {} }
    },
    async leave(reason) {
      gpus.present = undefined
      gpus.refusal = reason
    },
  }
  const { call } = CoreModule.prototype
  CoreModule.prototype.call = function (name, ...args) {
    if (name !== 'sotto_engine_gpu_trial') return call.call(this, name, ...args)
    for (const [i, ms] of [gpu_ms, cpu_ms].entries()) this.view.setFloat64(args[1 + i], ms, true)
    return 0
  }
  try {
    const loaded = await load({
      makeSources: () => [fileSource(model)],
      options: {
        core,
        backend: 'auto',
        gpu: {},
        variant: 'simd128',
        cache_type_k: 'f16',
        cache_type_v: 'f16',
        n_threads: 1,
        device_memory: 0,
      },
      compile: () => compiled,
      threads: { available: () => ({ processors: 1, refusal: '' }) },
      gpus,
      yieldToEvents: () => turn(),
      onProgress() {},
      onPlan: async () => {},
      onWarning: assert.fail,
      onCrash: assert.fail,
    })
    return { ...loaded, gpus }
  } finally {
    CoreModule.prototype.call = call
  }
}

test('the faster of the two computes, unless the CPU needs memory that there is not', async () => {
  const fast = await loadWithTrial(1, 1.5)
  assert.ok(fast.engine.gpu && fast.gpus.present)
  assert.ok(fast.recovery.plan.gpu_total > 0)
  const slow = await loadWithTrial(2, 1.5)
  assert.equal(slow.engine.gpu, undefined)
  assert.equal(slow.gpus.refusal, 'the CPU is faster: 1.50 ms a token, the GPU 2.00 ms')
  assert.equal(slow.recovery.plan.gpu_total, 0)
  const big = { n_ctx: 16384 }
  const { plan } = (await loadWithTrial(1, 2, big)).recovery
  assert.ok(plan.cpu_total > plan.total)
  const tight = await loadWithTrial(2, 1, { ...big, memory_budget: plan.total })
  assert.ok(tight.engine.gpu && tight.gpus.present)
})

// ---- the ledger ----

test('plans have the ledger of the GPU, before the download', async () => {
  for (const options of [onGpu(), auto()]) {
    const plan = await planModel(model, options)
    const { gpu_weights, gpu_kv, gpu_scratch, gpu_total } = plan
    assert.equal(gpu_total, gpu_weights + gpu_kv + gpu_scratch)
    assert.ok(gpu_weights > 0 && gpu_kv > 0 && gpu_scratch > 0 && plan.fits)
    assert.equal(plan.gpu_limit, 0)
    assert.ok(plan.cpu_total > plan.weights)
  }
  const refused = await planModel(model, auto('dawn.js', { gpu: { allowSoftware: false } }))
  assert.equal(refused.gpu_total, 0)
})

test('a budget for the GPU: refused with the ledger, and what would fit fits', async () => {
  const { gpu_total } = await planModel(model, onGpu('dawn.js', { n_ctx: 2048 }))
  const gpu = { memory_budget: gpu_total - 1 }
  let error
  await assert.rejects(loadModel(model, onGpu('dawn.js', { n_ctx: 2048, gpu })), (given) => {
    error = given
    return given.code === 'memory_budget_exceeded'
  })
  assert.match(error.message, /needs [\d.]+ MB of the GPU .* n_ctx \d+ would fit/)
  const { plan } = error.details
  assert.equal(plan.gpu_limit, gpu.memory_budget)
  assert.equal(plan.limits.gpu, gpu.memory_budget)
  assert.deepEqual([plan.fits, plan.limited_by, plan.gpu_total], [false, 'gpu', gpu_total])
  const [best] = plan.alternatives
  await withEngine(model, onGpu('dawn.js', { ...best.options, gpu }), async (engine) => {
    assert.ok(engine.plan.gpu_total <= gpu.memory_budget)
    assert.ok(engine.plan.n_ctx < 2048)
  })
})

test('statistics: what the GPU is, has and did', async () => {
  await withEngine(model, onGpu(), async (engine) => {
    const before = await engine.statistics()
    assert.deepEqual(before.memory, await engine.memory())
    await engine.completions.create(request)
    const { gpu } = await engine.statistics()
    assert.equal(gpu.architecture, 'swiftshader')
    assert.match(gpu.description, /SwiftShader/)
    assert.ok(gpu.limits.maxBufferSize >= 2 ** 28 && gpu.features.includes('subgroups'))
    const bytes = gpu.storage_bytes + gpu.uniform_bytes
    assert.ok(bytes > 0 && bytes <= 2 * engine.plan.gpu_total)
    assert.ok(gpu.buffers > 0 && gpu.staging_bytes > 0 && gpu.pipelines > 0)
    for (const count of ['dispatches', 'submits', 'reads', 'bytes_read', 'bytes_written']) {
      assert.ok(gpu[count] > before.gpu[count], count)
    }
    assert.ok(gpu.last_step_ms > 0)
    assert.equal(gpu.kernels, undefined)
  })
})

test('with timestamps, the time of each kernel by its name', async () => {
  const options = onGpu('dawn.js', { gpu: { timestamps: true } })
  await withEngine(model, options, async (engine) => {
    await engine.completions.create(request)
    const { gpu } = await engine.statistics()
    const names = Object.keys(gpu.kernels)
    for (const part of ['rms_norm', 'rope', 'attention', 'matvec']) {
      assert.ok(
        names.some((name) => name.split(' ').includes(part)),
        part,
      )
    }
    const all = Object.values(gpu.kernels)
    assert.equal(
      all.reduce((sum, { n }) => sum + n, 0),
      gpu.dispatches,
    )
    for (const { n, ms } of all) assert.ok(n > 0 && ms >= 0)
    assert.ok(all.some(({ ms }) => ms > 0))
  })
})

test("the README's example runs", async () => {
  const readme = readFileSync(new URL('../../js/README.md', import.meta.url), 'utf8')
  const [, code] = /\n## GPU\n[\s\S]*?```js\n([\s\S]*?)```/.exec(readme)
  const said = []
  const load = (url, { backend, gpu }) =>
    loadModel(url, onGpu('dawn.js', { backend, gpu: { ...gpu, allowSoftware: true } }))
  const AsyncFunction = (async () => {}).constructor
  const example = new AsyncFunction('loadModel', 'url', 'console', `${code}; return engine`)
  const engine = await example(load, model, { log: (...given) => said.push(...given) })
  await engine.dispose()
  assert.equal(said.length, 5)
  assert.ok(said.every(Boolean), String(said))
})
