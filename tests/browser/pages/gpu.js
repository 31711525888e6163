// What the tests of GPUs do in a page.
import { loadModel } from '/sotto/src/browser.js'
import { prompt } from './digest.js'

const url = new URL('/tiny/tiny-q8_0.gguf', location.href)
const request = { prompt, max_tokens: 8, temperature: 0, ignore_eos: true }

/** All logits of a prompt and an answer, and what computed them. */
export async function logits(options) {
  try {
    const engine = await loadModel(url, options)
    const steps = []
    for await (const { logits } of engine.logits(request)) steps.push(Array.from(logits))
    const { gpu, n_threads } = engine.info
    await engine.dispose()
    return { steps, gpu, n_threads }
  } catch ({ code, message, details }) {
    return { code, message, details }
  }
}

let engine

export async function load(options) {
  engine = await loadModel(url, options)
}

/** Generates until something fails. */
export async function generate() {
  try {
    for (;;) await engine.completions.create({ ...request, max_tokens: 200 })
  } catch ({ code, message }) {
    await engine.dispose()
    return { code, message }
  }
}
