// Which backend computes where the caller left that open: the GPU if it does what it should, and a
// token takes less time on it. Decided before weights are asked for.
import { SottoError } from '../errors.js'

/** @import { CoreEngine } from './core-engine.js' */
/** @import { Job } from './loader.js' */
/** @import { Recovery } from './recovery.js' */

/** What a plan for a GPU can fail with where one for the CPU need not. */
const REFUSALS = [
  'invalid_argument',
  'memory_budget_exceeded',
  'out_of_memory',
  'unsupported_architecture',
  'unsupported_type',
]

/**
 * Whether a model is to be planned for the CPU instead.
 * @param {Job} job
 * @param {unknown} error of its plan for a GPU
 */
export const isRefusedByGpu = ({ gpus }, error) =>
  gpus.optional &&
  gpus.present !== undefined &&
  error instanceof SottoError &&
  REFUSALS.includes(error.code)

/**
 * The engine has started to load; afterwards it is where it will run.
 * @param {Job} job
 * @param {CoreEngine} engine
 * @param {Recovery} recovery
 */
export async function chooseBackend({ gpus }, engine, recovery) {
  while (gpus.optional && engine.gpu) {
    try {
      const { gpu_ms, cpu_ms } = await engine.gpu.trial()
      const fits = recovery.plan.cpu_total <= recovery.plan.limit
      if (gpu_ms <= cpu_ms || !fits) return
      // What is under way touches no memory after leave has been called.
      const left = gpus.leave(slower(gpu_ms, cpu_ms))
      recovery.moveToCpu()
      return await left
    } catch (error) {
      const { failure } = engine.gpu ?? {}
      if (!failure) throw error
      if (failure.code === 'gpu_lost') {
        await recovery.moveOn(failure)
      } else {
        await gpus.leave(failure.message)
        recovery.moveToCpu()
      }
    }
  }
}

/** @param {number} gpu_ms a token @param {number} cpu_ms the same */
function slower(gpu_ms, cpu_ms) {
  if (gpu_ms === Infinity) return 'the GPU takes too long'
  return `the CPU is faster: ${cpu_ms.toFixed(2)} ms a token, the GPU ${gpu_ms.toFixed(2)} ms`
}
