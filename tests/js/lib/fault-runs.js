// Runs plans of faults and says what is wrong with what came of them. FAULT_SEED=n replays one
// plan, and FAULT_SEEDS=n runs that many.
import assert from 'node:assert/strict'
import { digestOf, versions } from './fault-load.js'
import { faultPlan } from './faults.js'

const { FAULT_SEED, FAULT_SEEDS = 200 } = process.env
export const seeds = FAULT_SEED
  ? [Number(FAULT_SEED)]
  : Array.from({ length: Number(FAULT_SEEDS) }, (_, index) => index + 1)
const AT_ONCE = 8 // most of a load is waiting
const MOST_REQUESTS = 60

/**
 * @param run loads through a plan
 * @param check says what is wrong with the result
 */
export async function runAll(run, check) {
  const right = await Promise.all(versions.map((bytes) => digestOf(bytes)))
  assert.notEqual(right[0], right[1])
  const problems = []
  const counts = { loaded: 0 }
  const waiting = [...seeds]
  const lane = async () => {
    for (let seed = waiting.shift(); seed !== undefined; seed = waiting.shift()) {
      const plan = faultPlan(seed)
      const result = await run(plan)
      const problem = check(plan, result, right)
      if (problem) problems.push(`FAULT_SEED=${seed}: ${problem}\n${describe(plan, result)}`)
      const outcome = result.digest ? 'loaded' : (result.error?.code ?? String(result.error))
      counts[outcome] = (counts[outcome] ?? 0) + 1
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, lane))
  assert.deepEqual(problems, [], problems.join('\n'))
  if (!FAULT_SEED) assert.ok(counts.loaded > seeds.length / 3, JSON.stringify(counts))
  if (!FAULT_SEED) assert.ok(counts.loaded < seeds.length, 'some faults are not to be survived')
}

/** What is wrong with a result, if anything is. */
export function judge(plan, { digest, error, requests }, right) {
  if (error?.name === 'TimeoutError') return 'it hangs'
  if (requests.length > MOST_REQUESTS) return `${requests.length} requests`
  if (error && error.name !== 'SottoError') return `an error without a type: ${error}`
  if (['internal_error', 'worker_failed'].includes(error?.code)) return String(error)
  if (error && plan.passes) return `it should have loaded: ${error}`
  if (error) return undefined
  const expected = changes(requests) && !plan.corrupts ? right : right.slice(0, 1)
  return expected.includes(digest) ? undefined : 'a model that is not the file'
}

/** What is wrong with the load from a server that is well, after the first. */
export function judgeSecond(plan, { error: first, requests, kept, size, second }, right) {
  const { digest, error, cache } = second
  const changed = changes(requests)
  if (plan.corrupts && changed) return error?.code === 'hash_mismatch' ? undefined : 'another file'
  // A flipped bit may have been kept when another fault ended the load: then it is thrown away now.
  if (plan.corrupts && error?.code === 'hash_mismatch') return first ? undefined : String(error)
  if (error) return `the second load: ${error}`
  if (digest !== right[changed ? 1 : 0]) return 'the second load is a model that is not the file'
  const { fetched_bytes } = cache
  const { tag, date } = plan.traits
  const identified = tag !== 'none' || date || plan.corrupts
  if (changed || !(identified || kept === size)) return undefined
  return fetched_bytes === size - kept ? undefined : `${kept} kept, ${fetched_bytes} fetched again`
}

const changes = (requests) => requests.some(({ kind }) => kind === 'change')

const describe = (plan, { requests }) =>
  `${JSON.stringify({ ...plan, faults: undefined })}\n${requests
    .map(({ kind, range }) => `  ${kind} ${range ?? ''}`)
    .join('\n')}`
