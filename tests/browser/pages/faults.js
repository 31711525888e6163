// One load through a server that fails.
import { loadModel, modelCache } from '/sotto/src/browser.js'
import { logitsDigest } from './digest.js'

/** Resolves with the digest of its logits and what the cache had, or with what went wrong. */
export async function load({ url, options, request, hangsAfter }) {
  let engine
  try {
    engine = await loadModel(url, { ...options, signal: AbortSignal.timeout(hangsAfter) })
    const { digest } = await logitsDigest(engine, request)
    return { digest, cache: engine.info.cache }
  } catch ({ name, code, message }) {
    return { error: { name, code, message } }
  } finally {
    await engine?.dispose()
  }
}

export async function loaded({ url }) {
  const file = (await modelCache.list()).find((one) => one.url === url)
  return file && { size: file.size, loaded: file.loaded }
}
