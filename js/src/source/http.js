// A URL. The first request asks for a range: a server that answers it with the right 206 is
// read by ranges from then on, any other in file order from one response. The last answer
// that was not read to its end is kept: a read that goes on where it stands takes it over.
// What breaks off is asked for again from where it stopped, as long as the file is the same.
import { SottoError } from '../errors.js'
import { ask, judge } from './answer.js'
import { Lanes } from './lanes.js'
import { Attempts, patience, TryAgain } from './retry.js'
import { LONG_RANGE, readError } from './source.js'
import { compare, factsOf, identifies, validatorOf } from './validator.js'

/** @import { RetryOptions } from '../types.js' */
/** @import { Answer, Fetch, Judgement } from './answer.js' */
/** @import { OpenableSource } from './source.js' */
/** @import { Patience } from './retry.js' */
/** @import { SourceFacts, Validator } from './validator.js' */

const LARGEST_SKIP = 1 << 16
// No second attempt, and five seconds to answer.
const HASTE = { attempts: 0, stallMs: 5000 }

/**
 * How a server hands out a file from an offset on: `ranges` that say where they lie; `tail`: only
 * up to the end, where the answer's length tells that it begins at the offset; `whole`: not at all.
 * @typedef {'ranges' | 'tail' | 'whole'} Manner
 */

/** Reads of one source may wait for each other, so each has to be read to its end or left. */
/** @implements {OpenableSource} */
export class HttpSource {
  /** @type {number | undefined} */
  size
  rangeLength = LONG_RANGE
  /** @type {SourceFacts | undefined} known once it is open */
  facts
  /** @type {Manner} */
  #manner = 'whole'
  /** @type {Answer | undefined} one that has more to give */
  #open
  #lanes = new Lanes()
  #url
  #init
  #fetch
  #patience

  /**
   * @param {string} url
   * @param {RequestInit} [init] headers, credentials, cache …
   * @param {Fetch} [fetchFunction]
   * @param {RetryOptions} [retry]
   */
  constructor(url, init = {}, fetchFunction = (...args) => fetch(...args), retry = {}) {
    this.#url = url
    this.#init = init
    this.#fetch = fetchFunction
    this.#patience = patience(retry)
    this.name = url.startsWith('data:') ? 'data: URL' : url
  }

  get supportsRanges() {
    return this.#manner === 'ranges'
  }

  /** Which version of the file is read. */
  get validator() {
    return this.facts?.validator
  }

  /** As the server states it, in hex. */
  get sha256() {
    return this.facts?.sha256
  }

  /** After redirects. */
  get finalUrl() {
    return this.facts?.url
  }

  get ahead() {
    return this.#open && this.supportsRanges ? this.#open.end - this.#open.at : 0
  }

  /**
   * @param {number} firstLength
   * @param {AbortSignal} signal
   * @param {boolean} [once] one attempt and a short wait: the cache can do without the server
   */
  async open(firstLength, signal, once = false) {
    const patience = once ? { ...this.#patience, ...HASTE } : this.#patience
    const attempts = new Attempts(patience, true)
    for (;;) {
      try {
        return await this.#tryToOpen(firstLength, signal, patience)
      } catch (error) {
        await this.#again(attempts, error, signal, 0)
      }
    }
  }

  /**
   * @param {number} firstLength
   * @param {AbortSignal} signal
   * @param {Patience} patience
   */
  async #tryToOpen(firstLength, signal, patience) {
    const asked = { from: 0, to: firstLength }
    const first = await this.#ask(asked, signal, patience)
    const judgement = judge(first.response, asked)
    if (judgement.kind === 'part') {
      return this.#begin(first, 'ranges', judgement.size, judgement.end)
    }
    if (judgement.kind === 'whole') return this.#begin(first, 'whole', judgement.size)
    first.cancel()
    if (judgement.kind === 'unnamed') {
      const tail = await this.#ask({ from: 0, to: Infinity }, signal, patience)
      const found = judge(tail.response, { from: 0, to: Infinity })
      if (found.kind === 'unnamed' && found.length) return this.#begin(tail, 'tail', found.length)
      tail.cancel()
    }
    // An empty file, or a server that knows no ranges.
    const whole = await this.#ask(undefined, signal, patience)
    const found = judge(whole.response)
    if (found.kind === 'whole') return this.#begin(whole, 'whole', found.size)
    whole.cancel()
    const got = found.kind === 'wrong' ? found.why : 'a part'
    throw new TryAgain(`asked for the file, got ${got}`, { wrong: true })
  }

  /**
   * @param {Answer} answer
   * @param {Manner} manner
   * @param {number | undefined} size
   * @param {number} [end]
   */
  #begin(answer, manner, size, end = size ?? Infinity) {
    this.#manner = manner
    this.size = size
    this.facts = factsOf(answer.response, size, this.name)
    this.#open = answer
    answer.end = end
  }

  /**
   * @param {number} offset
   * @param {number} length
   * @param {AbortSignal} signal
   * @returns {AsyncGenerator<Uint8Array>}
   */
  async *read(offset, length, signal) {
    const end = Math.min(offset + length, this.size ?? Infinity)
    const attempts = new Attempts(this.#patience)
    let at = offset
    let entered = false
    try {
      while (at < end) {
        /** @type {Answer | undefined} */
        let from
        try {
          if (!entered) await this.#lanes.enter(signal)
          entered = true
          from = await this.#answer(at, end - at, signal)
          while (at < end) {
            const piece = await from.read(end - at)
            if (!piece) break
            at += piece.length
            attempts.progress(piece.length)
            this.#lanes.count(piece.length)
            yield piece
          }
          if (end === Infinity) return // the end is where the server says
          if (at < end && from.at < from.end) throw new TryAgain('the connection closed early')
        } catch (error) {
          from?.cancel()
          from = undefined
          const crowd = error instanceof TryAgain && error.busy && this.#lanes.active > 1
          if (crowd) {
            this.#lanes.shrink()
            this.#lanes.leave()
            entered = false
          }
          await this.#again(attempts, error, signal, at, !crowd)
        } finally {
          if (from) this.#keep(from)
        }
      }
    } finally {
      if (entered) this.#lanes.leave()
    }
  }

  close() {
    this.#open?.cancel()
    this.#open = undefined
  }

  /** @param {Answer} from an answer that nobody reads now */
  #keep(from) {
    if (from.at < from.end) {
      this.close()
      this.#open = from
    } else {
      // If it has ended its connection serves the next request, else it is longer than it said.
      from.read(1).then(
        (more) => more && from.cancel(),
        () => from.cancel(),
      )
    }
  }

  /**
   * @param {number} offset
   * @param {number} length
   * @param {AbortSignal} signal
   * @returns {Promise<Answer>}
   */
  async #answer(offset, length, signal) {
    const open = this.#open
    if (open && open.at <= offset && offset - open.at <= LARGEST_SKIP && offset < open.end) {
      this.#open = undefined
      return positioned(open, offset)
    }
    const to = this.#manner === 'tail' ? Infinity : offset + length
    const asked = this.#manner === 'whole' ? undefined : { from: offset, to }
    const answer = await this.#ask(asked, signal)
    try {
      const found = judge(answer.response, asked)
      this.#check(found, answer.response, offset, length)
      answer.at = asked ? offset : 0
      answer.end = found.kind === 'part' ? found.end : (this.size ?? Infinity)
    } catch (error) {
      answer.cancel()
      throw error
    }
    return positioned(answer, offset)
  }

  /**
   * Throws unless an answer goes on with the same file at `offset`.
   * @param {Judgement} found
   * @param {Response} response
   * @param {number} offset
   * @param {number} length
   */
  #check(found, response, offset, length) {
    const first = /** @type {Validator} */ (this.validator)
    const size = found.kind === 'unnamed' ? found.length && offset + found.length : found.size
    const other = validatorOf(response.headers, size)
    const version = compare(first, other)
    // Checked for answers of the wrong kind too: a file that has become shorter refuses the range.
    const cut = response.status === 416 && size !== undefined && size !== this.size
    if (version === 'other' || cut) {
      throw new SottoError(
        'source_changed',
        `${this.name}: the file changed on the server while it was read; load it again`,
        { details: { source: this.name, before: first, after: other } },
      )
    }
    const kinds = { ranges: 'part', tail: 'unnamed', whole: 'whole' }
    const wanted = `asked for bytes ${offset} to ${offset + length - 1}`
    if (found.kind !== kinds[this.#manner] || (found.kind === 'unnamed' && !found.length)) {
      const got = found.kind === 'wrong' ? found.why : `status ${response.status}`
      throw new TryAgain(`${wanted}, got ${got}`, { wrong: true })
    }
    if (version === 'unknown') {
      throw new TryAgain(`${wanted}, got them without an ETag or a date`, { wrong: true })
    }
    if (this.#manner === 'whole' && offset > 0 && !identifies(first)) {
      throw this.#final('the stream broke off, and the server has neither ranges nor an ETag')
    }
  }

  /**
   * @param {{ from: number, to: number } | undefined} range
   * @param {AbortSignal} signal
   * @param {Patience} [patience]
   */
  #ask(range, signal, { stallMs } = this.#patience) {
    return ask(this.#fetch, this.#url, this.#init, range, { signal, stallMs, name: this.name })
  }

  /**
   * Returns when it is time for another attempt; else throws what there is to say.
   * @param {Attempts} attempts
   * @param {unknown} error
   * @param {AbortSignal} signal
   * @param {number} offset
   * @param {boolean} [counts]
   */
  async #again(attempts, error, signal, offset, counts) {
    try {
      await attempts.next(error, signal, counts)
    } catch (last) {
      const status = last instanceof TryAgain && last.status ? { status: last.status } : {}
      throw readError(this.name, withCause(last), signal, { offset, ...status })
    }
  }

  /** @param {string} message */
  #final(message) {
    return new SottoError('io_error', `${this.name}: ${message}`, {
      details: { source: this.name },
    })
  }
}

/**
 * @param {Answer} answer
 * @param {number} offset
 */
async function positioned(answer, offset) {
  try {
    await answer.skipTo(offset)
    return answer
  } catch (error) {
    answer.cancel()
    throw error
  }
}

/** Node.js says no more than "fetch failed" and hides why. @param {unknown} error */
function withCause(error) {
  if (error instanceof SottoError || !(error instanceof Error) || !error.cause) return error
  const { cause } = error
  const why = cause instanceof Error ? cause.message || /** @type {any} */ (cause).code : cause
  return why ? new Error(`${error.message} (${why})`, { cause: error }) : error
}
