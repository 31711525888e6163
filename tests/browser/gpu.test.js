// A GPU in a browser: the library in a page, with Chromium's software adapter.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { openBrowser, softwareGpu } from '../../tools/lib/browser.mjs'
import { inRoot } from '../../tools/lib/paths.mjs'
import { serve, siteMounts } from '../../tools/lib/server.mjs'
import { prompt, tinyPath, withEngine } from '../js/lib/models.js'
import { answerOf } from './pages/answers.js'

const onGpu = { backend: 'webgpu', gpu: { allowSoftware: true } }

let server
let browser
let page

before(async () => {
  const pages = inRoot('tests', 'browser', 'pages')
  const mounts = { ...siteMounts, '/tiny/': inRoot('models', 'tiny'), '/': pages }
  server = await serve({ mounts })
  browser = await openBrowser({ gpu: true, args: softwareGpu })
  page = await browser.newPage()
  await page.goto(server.url)
})
after(async () => {
  await browser?.close()
  await server?.close()
})

/** Calls a function of pages/gpu.js in a page. */
const inPage = (name, argument, where = page) =>
  where.evaluate(async ([work, given]) => (await import('/gpu.js'))[work](given), [name, argument])

test('computes what the reference does, in the worker of a page with a strict policy', async () => {
  const request = { prompt, max_tokens: 8, temperature: 0, ignore_eos: true }
  const expected = await withEngine(tinyPath(), { backend: 'naive' }, async (engine) => {
    const steps = []
    for await (const { logits } of engine.logits(request)) steps.push(logits)
    return steps
  })
  const options = { ...onGpu, cache_type_k: 'f32', cache_type_v: 'f32' }
  const { steps, gpu, n_threads, message } = await inPage('logits', options)
  assert.equal(message, undefined)
  assert.equal(gpu.software, true)
  assert.equal(n_threads, 1)
  assert.equal(steps.length, expected.length)
  let [most, largest] = [0, 0]
  expected.forEach((step, i) => {
    step.forEach((logit, j) => {
      most = Math.max(most, Math.abs(logit - steps[i][j]))
      largest = Math.max(largest, Math.abs(logit))
    })
  })
  assert.ok(most < 3e-4 * largest, `${most} of ${largest}`)
})

test('a token costs 7 dispatches a layer, and several tokens one wait', async () => {
  const { n_layer, single, ahead } = await inPage('costs', onGpu)
  const per = ({ n, ...counts }, key) => counts[key] / n
  // Embedding, the rows of outputs, and the head; the best of its logits.
  const most = 7 * n_layer + 5
  for (const costs of [single, ahead]) {
    assert.ok(costs.n >= 24, `${costs.n} tokens`)
    assert.ok(per(costs, 'dispatches') <= most, `${per(costs, 'dispatches')} dispatches a token`)
    assert.equal(costs.pipelines, 0)
  }
  assert.ok(per(single, 'submits') <= 4, `${per(single, 'submits')} submits a token`)
  assert.equal(single.readbacks, single.n)
  assert.ok(per(ahead, 'submits') <= 2.5, `${per(ahead, 'submits')} submits a token`)
  assert.ok(ahead.readbacks <= ahead.n / 4, `${ahead.readbacks} waits for ${ahead.n} tokens`)
})

test('several models in one page, isolated or not', async () => {
  const families = ['lfm2', 'gemma3', 'qwen2moe'].map((name) => `family-${name}`)
  const names = [...families, 'kquant-q4_k_m', 'embed-bert-mean']
  const options = { cache_type_k: 'f32', cache_type_v: 'f32', n_ctx: 64 }
  const expected = []
  for (const name of names) {
    const path = inRoot('models', 'tiny', `${name}.gguf`)
    expected.push(await withEngine(path, { backend: 'naive', ...options }, answerOf))
  }
  const open = await browser.newPage()
  await open.route(server.url, async (route) => {
    const response = await route.fetch()
    const { 'cross-origin-embedder-policy': _, ...headers } = response.headers()
    await route.fulfill({ response, headers })
  })
  await open.goto(server.url)
  for (const where of [page, open]) {
    assert.equal(await where.evaluate(() => globalThis.crossOriginIsolated), where === page)
    const all = await inPage('several', { names, options: { ...onGpu, ...options } }, where)
    for (const [i, { gpu, tokens, numbers }] of all.entries()) {
      assert.equal(gpu?.software, true)
      assert.deepEqual(tokens, expected[i].tokens, names[i])
      assert.equal(numbers.length, expected[i].numbers.length)
      for (const [k, number] of numbers.entries())
        assert.ok(Math.abs(number - expected[i].numbers[k]) < 1e-3, `${names[i]}: ${number}`)
    }
  }
  await open.close()
})

test('a software adapter is refused unless it will do, and none by its reason', async () => {
  const refused = await inPage('logits', { backend: 'webgpu' })
  assert.equal(refused.code, 'gpu_unavailable')
  assert.match(refused.message, /a processor that plays a GPU \(swiftshader\)/)
  const without = await openBrowser()
  try {
    const other = await without.newPage()
    await other.goto(server.url)
    const { code, details } = await inPage('logits', onGpu, other)
    assert.equal(code, 'gpu_unavailable')
    assert.match(details.reason, /no adapter|no WebGPU/)
  } finally {
    await without.close()
  }
})

test('a GPU that nobody asked for is taken only where it is faster', async () => {
  const { steps, gpu, gpu_refusal } = await inPage('logits', { gpu: onGpu.gpu })
  assert.ok(steps.length > 0)
  assert.equal(gpu, undefined)
  assert.match(gpu_refusal, /the CPU is faster/)
  const software = await inPage('logits', {})
  assert.match(software.gpu_refusal, /a processor that plays a GPU/)
})

test('a page without WebGPU asks for nothing of what it needs', async () => {
  const args = ['--host-resolver-rules=MAP insecure.test 127.0.0.1']
  const other = await openBrowser({ args })
  try {
    const insecure = await other.newPage()
    const asked = []
    insecure.on('request', (request) => asked.push(new URL(request.url()).pathname))
    await insecure.goto(server.url.replace(/127\.0\.0\.1|localhost/, 'insecure.test'))
    const { gpu_refusal, message } = await inPage('logits', {}, insecure)
    assert.equal(message, undefined)
    assert.match(gpu_refusal, /no WebGPU, or none for this page: it wants HTTPS/)
    assert.ok(asked.some((path) => path.endsWith('.wasm')))
    assert.deepEqual(
      asked.filter((path) => /\/(gpu|kernels)\.js$/.test(path) && path.includes('dist')),
      [],
    )
  } finally {
    await other.close()
  }
})

test('when the GPU process dies, answers go on: on another GPU, and then on the CPU', async () => {
  const session = await browser.newBrowserCDPSession()
  await inPage('load', onGpu)
  const { text } = await inPage('generate')
  for (const where of ['on a GPU again', 'on the CPU: it was lost too often']) {
    await page.evaluate(() => {
      document.title = ''
    })
    const generating = inPage('generate')
    await page.waitForFunction(() => document.title === 'third token')
    await session.send('Browser.crashGpuProcess')
    const { text: same, gpu, warnings, message } = await generating
    assert.equal(message, undefined)
    assert.equal(same, text)
    assert.match(warnings.at(-1), /^SottoError: The GPU is gone/)
    assert.ok(warnings.at(-1).includes(where), warnings.at(-1))
    assert.equal(gpu !== undefined, where === 'on a GPU again')
  }
})
