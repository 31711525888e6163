// What the tests of the cache do in a page.
import { loadModel, modelCache } from '/sotto/src/browser.js'

/** Loads, answers, and says what the cache had; `abortAt` bytes ends it before. */
export async function load({ url, options = {}, abortAt = Infinity }) {
  const abort = new AbortController()
  const warnings = []
  try {
    const engine = await loadModel(new URL(url, location.href), {
      ...options,
      signal: abort.signal,
      onWarning: ({ code, message }) => warnings.push(`${code}: ${message}`),
      onProgress({ loaded, total }) {
        if (total && loaded >= abortAt) abort.abort()
      },
    })
    const request = { prompt: 'Once upon a time', max_tokens: 8, temperature: 0 }
    const { choices } = await engine.completions.create(request)
    await engine.dispose()
    return { ...engine.info.cache, warnings, text: choices[0].text }
  } catch ({ name, code, message }) {
    return { name, code, message }
  }
}

export async function list() {
  const files = await modelCache.list()
  return files.map(({ url, size, loaded, complete, verified }) => {
    return { path: new URL(url).pathname, size, loaded, complete, verified }
  })
}

export const remove = ({ url }) => modelCache.delete(new URL(url, location.href))
export const clear = () => modelCache.clear()
export const estimate = () => modelCache.estimate()
