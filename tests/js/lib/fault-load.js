// Loads a tiny model through a plan of faults, with a cache or without, and says what came of it.
import { createHash } from 'node:crypto'
import { loadModel, openModelCache } from 'sotto'
import { faultServer } from './fault-server.js'
import { logitsDigest, tinyBytes } from './models.js'

/** A load that is still under way then hangs: every pause below is short. */
const HANGS_AFTER_MS = 30_000
const patience = { pauseMs: 1, longestPauseMs: 20, stallMs: 300 }

const first = tinyBytes()
/** The same model with other weights, so that a mixture computes something that neither does. */
const second = first.map((byte, at) => (at > first.length / 2 && at % 97 === 0 ? byte ^ 1 : byte))
export const versions = [first, second]
const sha256 = createHash('sha256').update(first).digest('hex')

const request = { max_tokens: 2 }
const light = { n_ctx: 64, n_threads: 1 }

/** @param {Uint8Array | string} source */
export async function digestOf(source, options = {}) {
  const { digest } = await load(source, options)
  return digest
}

async function load(source, options) {
  const engine = await loadModel(source, { ...light, ...options })
  try {
    const { digest } = await logitsDigest(engine, request)
    return { digest, cache: engine.info.cache }
  } finally {
    await engine.dispose()
  }
}

/**
 * @param {import('./faults.js').FaultPlan} plan
 * @returns {Promise<{ digest?: string, error?: any, requests: object[], hangs: boolean }>}
 */
export async function loadThroughFaults(plan) {
  const server = await faultServer(versions, plan)
  const result = await attempt(server, plan.corrupts ? { sha256, cache: 'no-store' } : {})
  await server.close()
  return { ...result, requests: server.requests }
}

/**
 * The same with a cache, and once more when the server is well again, from what the first left there.
 * @param {import('./faults.js').FaultPlan} plan
 * @param {string} cacheDir of its own
 */
export async function loadTwiceThroughFaults(plan, cacheDir) {
  const server = await faultServer(versions, plan)
  const options = { cacheDir, ...(plan.corrupts ? { sha256 } : {}) }
  const first = await attempt(server, options)
  const [file] = await openModelCache(cacheDir).list()
  server.heal()
  const second = await attempt(server, options)
  await server.close()
  const size = versions[0].length
  const kept = file?.size === size ? file.loaded : 0 // the server said that it was another file
  return { ...first, requests: server.requests, kept, size, second }
}

async function attempt(server, options) {
  const signal = AbortSignal.timeout(HANGS_AFTER_MS)
  try {
    const done = await load(`${server.url}/tiny.gguf`, { retry: patience, signal, ...options })
    return { ...done, hangs: false }
  } catch (error) {
    return { error, hangs: signal.aborted }
  }
}
