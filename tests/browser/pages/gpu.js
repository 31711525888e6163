// What the tests of GPUs do in a page.
import { loadModel } from '/sotto/src/browser.js'
import { answerOf } from './answers.js'
import { prompt } from './digest.js'

const url = new URL('/tiny/tiny-q8_0.gguf', location.href)
const request = { prompt, max_tokens: 8, temperature: 0, ignore_eos: true }

/** All logits of a prompt and an answer, and what computed them. */
export async function logits(options) {
  try {
    const engine = await loadModel(url, options)
    const steps = []
    for await (const { logits } of engine.logits(request)) steps.push(Array.from(logits))
    const { gpu, gpu_refusal, n_threads } = engine.info
    await engine.dispose()
    return { steps, gpu, gpu_refusal, n_threads }
  } catch ({ code, message, details }) {
    return { code, message, details }
  }
}

/** What several models answer that are loaded at a time. */
export async function several({ names, options }) {
  const load = async (name) => {
    const engine = await loadModel(new URL(`/tiny/${name}.gguf`, location.href), options)
    const found = await answerOf(engine)
    const { gpu } = engine.info
    await engine.dispose()
    return { gpu, ...found }
  }
  return Promise.all(names.map(load))
}

let engine
const warnings = []

export async function load(options) {
  const onWarning = (warning) => warnings.push(String(warning))
  engine = await loadModel(url, { ...options, onWarning })
}

/** An answer, whose third token is announced as the page's title. */
export async function generate() {
  try {
    let text = ''
    let n = 0
    const long = { ...request, max_tokens: 40, cache_prompt: false, stream: true }
    for await (const { choices } of await engine.completions.create(long)) {
      text += choices[0]?.text ?? ''
      if (++n === 3) document.title = 'third token'
    }
    return { text, gpu: engine.info.gpu, warnings }
  } catch ({ code, message }) {
    return { code, message }
  }
}
