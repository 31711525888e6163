// What the test of the memory does in a page.
import { loadModel } from '/sotto/src/browser.js'

/** A worker takes 100 MB, in one of the ways in which memory is held here, and ends. */
export const take = (kind) =>
  new Promise((resolve, reject) => {
    const worker = new Worker(`/memory-worker.js?${kind}`, { type: 'module' })
    worker.onerror = ({ message }) => reject(new Error(message))
    worker.onmessage = ({ data }) => {
      worker.terminate()
      resolve(data)
    }
  })

/** Loads, fills the whole context, and ends the engine. */
export async function use({ url, options }) {
  const engine = await loadModel(new URL(url, location.href), options)
  const { n_ctx } = engine.plan
  const request = { prompt: 'Once upon a time', temperature: 0, ignore_eos: true }
  const { usage } = await engine.completions.create({ ...request, max_tokens: -1 })
  await engine.dispose()
  const { info, plan } = engine
  return {
    plan,
    cache: info.cache.status,
    n_threads: info.n_threads,
    left: n_ctx - usage.total_tokens,
  }
}
