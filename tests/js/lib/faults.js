// What a server does wrong, request by request, as a function of a seed: a failure can be replayed
// from the seed alone.
import { random } from './random.js'

/** After these a patient reader gets the file all the same. */
const passing = [
  'ok', // so that later requests meet faults too
  'throttle', // small pieces, slowly
  'cut', // the connection ends after some bytes
  'cut', // the commonest of all
  'drop', // the connection ends without an answer
  'short', // the body ends early, in good order
  'stall', // some bytes, then nothing
  'silence', // no answer
  'redirect', // to another origin
  '500',
  '503',
  '408',
  '429', // with Retry-After in seconds
  '429-date',
]
/** After these nothing is sure but that the reader says what happened, or has the right file. */
const wrong = [
  'no-range', // 200 and the whole file
  'long', // more than was asked for
  'shifted', // another range, and says so
  'other-size', // the right range of a file of another size
  'unnamed', // 206 without Content-Range
  'several', // multipart/byteranges
  'gzip', // what it sends, compressed
  'untagged', // no ETag, no date
  '204',
  '403',
  '404',
  '416',
  'login', // a web page with status 200
  'loop', // redirects for ever
  'change', // another version, from now on
]
/** This no reader can see without a digest. */
const CORRUPT = 'corrupt'

/**
 * @typedef {object} FaultPlan
 * @property {number} seed
 * @property {{ ranges: boolean, tag: 'strong' | 'weak' | 'none', date: boolean, length: boolean }}
 *   traits of the server: length is whether streams say theirs
 * @property {{ kind: string, at: number }[]} faults of the requests in turn; `at`
 *   is a share of the body
 * @property {boolean} forever whether they begin again when all have been used
 * @property {boolean} passes whether the load has to succeed
 * @property {boolean} corrupts whether only a digest can tell that the load has to fail
 */

/**
 * @param {number} seed
 * @returns {FaultPlan}
 */
export function faultPlan(seed) {
  const next = random(seed)
  const pick = (list) => list[next(list.length)]
  const ranges = next(4) > 0
  const traits = {
    ranges,
    tag: pick(['strong', 'strong', 'weak', 'none']),
    date: next(3) > 0,
    length: ranges || next(3) > 0,
  }
  const identified = traits.tag !== 'none' || traits.date
  const mild = next(2) === 0 // three failures in a row are what opening a file bears
  const kinds = mild ? passing : [...passing, ...wrong, ...wrong, CORRUPT, CORRUPT]
  const faults = Array.from({ length: mild ? next(4) : 1 + next(8) }, () => {
    const kind = pick(kinds)
    const blind = kind === 'change' && !identified // nobody could tell
    return { kind: blind ? 'cut' : kind, at: next(1000) / 1000 }
  })
  const forever = !mild && next(4) === 0
  const ends = (kind) => kind === 'short' && !ranges // looks like the end of the file
  const passes = mild && (ranges || identified) && !faults.some(({ kind }) => ends(kind))
  const corrupts = faults.some(({ kind }) => kind === CORRUPT)
  return { seed, traits, faults, forever, passes, corrupts }
}
