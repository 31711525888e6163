// Loads a tiny model through a plan of faults, with a cache or without, and says what came of it.
// Who loads is a parameter: a place has load(source, options), which resolves with digest and
// cache, and loaded(url), how much the cache has of a file and how long it takes it to be.
import { createHash } from 'node:crypto'
import { loadModel, openModelCache } from 'sotto'
import { faultServer } from './fault-server.js'
import { logitsDigest, tinyBytes } from './models.js'

/** A load that is still under way then hangs: every pause below is short. */
export const HANGS_AFTER_MS = 30_000
export const patience = { pauseMs: 1, longestPauseMs: 20, stallMs: 600 }

const first = tinyBytes()
/** The same model with other weights, so that a mixture computes something that neither does. */
const second = first.map((byte, at) => (at > first.length / 2 && at % 97 === 0 ? byte ^ 1 : byte))
export const versions = [first, second]
const sha256 = createHash('sha256').update(first).digest('hex')

export const request = { max_tokens: 2 }
export const light = { n_ctx: 64, n_threads: 1 }

/** @param {Uint8Array | string} source */
export async function digestOf(source) {
  const { digest } = await load(source, {})
  return digest
}

async function load(source, options) {
  const signal = AbortSignal.timeout(HANGS_AFTER_MS)
  const onWarning = () => {} // of a cache that a fault was too much for
  const engine = await loadModel(source, { ...light, onWarning, ...options, signal })
  try {
    const { digest } = await logitsDigest(engine, request)
    return { digest, cache: engine.info.cache }
  } finally {
    await engine.dispose()
  }
}

/** This process, with a cache in a folder. */
export const here = (cacheDir) => ({
  load: (url, options) => load(url, { cacheDir, ...options }),
  async loaded() {
    const [file] = await openModelCache(cacheDir).list()
    return file
  },
})

/**
 * @param {import('./faults.js').FaultPlan} plan
 * @returns {Promise<{ digest?: string, error?: any, requests: object[] }>}
 */
export async function loadThroughFaults(plan, place = here()) {
  const server = await faultServer(versions, plan)
  const result = await attempt(server, place, { ...hashOf(plan), cache: 'no-store' })
  await server.close()
  return { ...result, requests: server.requests }
}

/**
 * The same with a cache, and once more when the server is well again, from what
 * the first left there.
 * @param {import('./faults.js').FaultPlan} plan
 */
export async function loadTwiceThroughFaults(plan, place) {
  const server = await faultServer(versions, plan)
  const first = await attempt(server, place, hashOf(plan))
  const file = await place.loaded(`${server.url}/tiny.gguf`)
  server.heal()
  const second = await attempt(server, place, hashOf(plan))
  await server.close()
  const size = versions[0].length
  const kept = file?.size === size ? file.loaded : 0 // the server said that it was another file
  return { ...first, requests: server.requests, kept, size, second }
}

const hashOf = (plan) => (plan.corrupts ? { sha256 } : {})

async function attempt(server, place, options) {
  try {
    return await place.load(`${server.url}/tiny.gguf`, { retry: patience, ...options })
  } catch (error) {
    return { error }
  }
}
