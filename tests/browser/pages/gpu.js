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

/** What the tokens of an answer cost, each by itself and with the GPU going ahead. */
export async function costs(options) {
  const one = { ...request, prompt: [5], max_tokens: 25, cache_prompt: false, prompt_lookup: false }
  const count = async (ahead_ms) => {
    const gpu = { ...options.gpu, ahead_ms }
    const engine = await loadModel(url, { ...options, gpu, n_ctx: 64 })
    await engine.completions.create(one)
    const before = (await engine.statistics()).gpu
    const { usage } = await engine.completions.create(one)
    const after = (await engine.statistics()).gpu
    await engine.dispose()
    const names = ['dispatches', 'submits', 'readbacks', 'pipelines']
    const counts = Object.fromEntries(names.map((name) => [name, after[name] - before[name]]))
    return { n: usage.completion_tokens, ...counts, n_layer: engine.info.n_layer }
  }
  const [single, ahead] = [await count(0), await count(1000)]
  return { n_layer: single.n_layer, single, ahead }
}
