// Chatting through the library, for engines.test.js.
import { loadModel } from '/sotto/src/browser.js'

const messages = [{ role: 'user', content: 'What is the capital of France?' }]

/** Streams an answer, ends another in its middle, and answers once more. */
export async function chat({ url }) {
  const warnings = []
  const engine = await loadModel(new URL(url, location.href), {
    n_ctx: 512,
    onWarning: ({ code }) => warnings.push(code),
  })
  const first = await answer(engine)
  const abort = new AbortController()
  const aborted = await answer(engine, abort).catch(({ name }) => name)
  const again = await answer(engine)
  await engine.dispose()
  const { n_threads, n_threads_reason } = engine.info
  const { text, speed } = first
  return { text, aborted, again: again.text, warnings, n_threads, n_threads_reason, speed }
}

/** `abort` ends it after three pieces. */
async function answer(engine, abort) {
  const request = { messages, max_tokens: 24, temperature: 0, ignore_eos: true }
  const stream = await engine.chat.completions.create({
    ...request,
    stream: true,
    signal: abort?.signal,
    ...(abort ? { max_tokens: 400 } : {}),
  })
  let text = ''
  let pieces = 0
  let speed
  for await (const { choices, timings } of stream) {
    text += choices[0]?.delta.content ?? ''
    speed = timings?.predicted_per_second ?? speed
    if (++pieces === 3) abort?.abort()
  }
  return { text, speed }
}
