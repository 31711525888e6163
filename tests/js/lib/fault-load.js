// Loads a tiny model through a plan of faults, and says what came of it. The load is a parameter, so that a
// cache can stand in between: `sent` then tells what was fetched twice.
import { createHash } from 'node:crypto'
import { loadModel } from 'sotto'
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
export async function digestOf(source, options = {}, load = loadModel) {
  const engine = await load(source, { ...light, ...options })
  try {
    return (await logitsDigest(engine, request)).digest
  } finally {
    await engine.dispose()
  }
}

/**
 * @param {import('./faults.js').FaultPlan} plan
 * @param {{ load?: typeof loadModel, options?: object }} [through] options may hold `cache`
 * @returns {Promise<{ digest?: string, error?: any, requests: object[], sent: object[], hangs: boolean }>}
 */
export async function loadThroughFaults(plan, { load = loadModel, options = {} } = {}) {
  const server = await faultServer(versions, plan)
  const signal = AbortSignal.timeout(HANGS_AFTER_MS)
  const checked = plan.corrupts ? { sha256 } : {}
  const { requests, sent } = server
  try {
    const given = { retry: patience, signal, ...checked, ...options }
    const digest = await digestOf(`${server.url}/tiny.gguf`, given, load)
    return { digest, requests, sent, hangs: false }
  } catch (error) {
    return { error, requests, sent, hangs: signal.aborted }
  } finally {
    await server.close()
  }
}
