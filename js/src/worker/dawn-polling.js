// Dawn in Node.js looks for finished work in every turn of the event loop, by the global
// setImmediate, as long as something is under way: that takes a whole core. Here it looks less
// often the longer the work takes, which takes next to none and makes a wait some percent longer.

/** @import { GpuCode } from './open-gpu.js' */

const AT_ONCE_MS = 1 // as long as it looks in every turn
const SHARE = 1 / 32 // of the time waited so far, until it looks again
const LONGEST_MS = 1

/**
 * From now on in this thread, where nobody else calls that function.
 * @param {GpuCode} code
 * @returns {GpuCode} to be used in its place
 */
export function pollSparingly({ findGpu, Executor }) {
  let given = 0
  const never = new Int32Array(new SharedArrayBuffer(4))
  const inNextTurn = globalThis.setImmediate
  const sparing = (/** @type {(...args: any[]) => void} */ poll, /** @type {any[]} */ ...args) =>
    inNextTurn(() => {
      const waited = performance.now() - given
      if (waited > AT_ONCE_MS) Atomics.wait(never, 0, 0, Math.min(waited * SHARE, LONGEST_MS))
      poll(...args)
    })
  globalThis.setImmediate = /** @type {typeof setImmediate} */ (sparing)
  class Announcing extends Executor {
    /** @param {Parameters<InstanceType<typeof Executor>['execute']>[0]} stream @override */
    execute(stream) {
      given = performance.now()
      return super.execute(stream)
    }
  }
  return { findGpu, Executor: Announcing }
}
