// A GPU in a browser: the library in a page, with Chromium's software adapter.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openBrowser, softwareGpu } from '../../tools/lib/browser.mjs'
import { inRoot } from '../../tools/lib/paths.mjs'
import { serve, siteMounts } from '../../tools/lib/server.mjs'
import { prompt, tinyPath, withEngine } from '../js/lib/models.js'

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
  assert.ok(most < 1e-5 * largest, `${most} of ${largest}`)
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

test('when the GPU process dies, requests end with gpu_lost', async () => {
  await inPage('load', onGpu)
  const generating = inPage('generate')
  await sleep(300)
  const session = await browser.newBrowserCDPSession()
  await session.send('Browser.crashGpuProcess')
  const { code, message } = await generating
  assert.equal(code, 'gpu_lost')
  assert.match(message, /The GPU is gone/)
})
