// The weights on their way from the files into the engine: by ranges, several at once,
// or from a source that only streams. Ranges are few and long, in the order of the files.
// With a prompt to be computed meanwhile they are short, in the order in which the program needs
// them, so that layers come one after the other and not all at once.
import { SottoError } from '../errors.js'

/** @import { Progress } from '../types.js' */
/** @import { CoreEngine } from './core-engine.js' */
/** @import { ModelFileReader } from './file-reader.js' */
/** @import { Prefill } from './prefill.js' */

const IN_FLIGHT = 4 // ranges
const SHORT_RANGE = 1 << 20
const PROGRESS_EVERY_MS = 50

/**
 * @typedef {object} Reading
 * @property {(progress: Progress) => void} onProgress
 * @property {AbortController} abort of the files' reads; fires when computing fails
 * @property {Prefill} [prefill] the prompt to be computed meanwhile
 */

/**
 * Resolves when all weights are there and the prompt is in the cache. When it rejects, the engine
 * has stopped computing.
 * @param {ModelFileReader[]} files
 * @param {CoreEngine} engine
 * @param {Reading} reading
 * @returns {Promise<{ weights: number, prefill: number }>} milliseconds until the weights were
 *   there, and from then on until the prompt was computed
 */
export async function readWeights(files, engine, reading) {
  const { abort, prefill } = reading
  const begin = performance.now()
  const reads = readAll(files, engine, reading).then(() => performance.now())
  const computing = prefill?.run()
  try {
    const [read] = await orFailure(engine, Promise.all([reads, computing]))
    return { weights: read - begin, prefill: prefill ? performance.now() - read : 0 }
  } catch (error) {
    abort.abort()
    prefill?.stop()
    await Promise.allSettled([computing])
    throw engine.gpu?.failure ?? error
  }
}

/**
 * Rejects too when the GPU fails meanwhile.
 * @template T
 * @param {CoreEngine} engine
 * @param {Promise<T>} work
 */
async function orFailure({ gpu }, work) {
  if (!gpu) return work
  const failing = gpu.failed.then((failure) => {
    throw failure
  })
  return Promise.race([work, failing])
}

/**
 * @param {ModelFileReader[]} files
 * @param {CoreEngine} engine
 * @param {Reading} reading
 */
async function readAll(files, engine, { onProgress, abort, prefill }) {
  let reported = 0
  const report = () => {
    const now = performance.now()
    if (now - reported < PROGRESS_EVERY_MS) return
    reported = now
    onProgress({ status: 'weights', ...engine.progress() })
  }
  /** @param {number} index @param {number} offset @param {number} length */
  const fetchRange = async (index, offset, length) => {
    let at = offset
    for await (const bytes of files[index].read(offset, length)) {
      abort.signal.throwIfAborted()
      engine.feed(index, at, bytes)
      prefill?.fed()
      await engine.gpu?.room()
      at += bytes.length
      report()
    }
    if (at < offset + length) throw truncated(files[index], at, offset + length)
  }

  if (files.every((file) => file.supportsRanges)) {
    const order = prefill ? 'program' : 'file'
    const longest = prefill ? SHORT_RANGE : Infinity
    const usual = Math.min(...files.map((file) => file.rangeLength), longest)
    let length = files[0].ahead || usual
    const lane = async () => {
      for (;;) {
        const range = engine.nextRange(Math.min(length, longest), order)
        if (!range) return
        length = usual
        await fetchRange(range.file, range.offset, range.length)
      }
    }
    await Promise.all(Array.from({ length: IN_FLIGHT }, lane))
  } else {
    for (const index of files.keys()) {
      const range = engine.streamRange(index)
      if (range.length) await fetchRange(index, range.offset, range.length)
    }
  }
  const { loaded, total } = engine.progress()
  if (loaded < total) throw new SottoError('internal_error', `Loaded ${loaded} of ${total} bytes`)
  await engine.gpu?.done()
}

/** @param {ModelFileReader} file @param {number} end @param {number} wanted */
function truncated(file, end, wanted) {
  const needs = `the model needs at least ${wanted}`
  const message = `${file.name} ends at byte ${end}; ${needs}. Fetch it again.`
  return new SottoError('truncated_file', message, { details: { source: file.name, end, wanted } })
}
