// One file of a model while it loads. The bytes read for its header are kept until there is an
// engine: they may be parsed twice, and a stream cannot go back. The body may begin in the last of
// them: nothing more of it is asked for before the header is complete.
import { SottoError } from '../errors.js'

/** @import { OpenableSource } from '../source/source.js' */
/** @import { Validator } from '../source/validator.js' */

/**
 * What tells a file from another that is read in its place.
 * @typedef {object} FileIdentity
 * @property {string} name
 * @property {number | undefined} size
 * @property {Validator | undefined} validator
 * @property {boolean} once it cannot be read again
 */

const FIRST_BLOCK = 2 << 20 // most headers, but little of a body
const MAX_BLOCK = 1 << 24
const RANGE = 4 << 20 // of a source that may hand it out whole

export class ModelFileReader {
  #source
  #signal
  #headLength = 0
  /** Offset of head[0]. */
  #headAt = 0
  /** @type {Promise<void> | undefined} */
  #opened
  /** @type {AsyncIterator<Uint8Array> | undefined} the rest of a source without ranges */
  #rest
  #restAt = 0

  /**
   * @param {OpenableSource} source
   * @param {AbortSignal} signal
   */
  constructor(source, signal) {
    this.#source = source
    this.#signal = signal
    /** @type {Uint8Array[]} */
    this.head = []
  }

  get name() {
    return this.#source.name
  }

  get size() {
    return this.#source.size
  }

  /** Once it is open. @returns {FileIdentity} */
  get identity() {
    const { name, size, validator, once = false } = this.#source
    return { name, size, validator, once }
  }

  get supportsRanges() {
    return this.#source.supportsRanges
  }

  /** How long a range of the body may be. */
  get rangeLength() {
    return this.#source.rangeLength ?? RANGE
  }

  /** Bytes from the end of the header on that come without another request. */
  get ahead() {
    return this.#source.ahead ?? 0
  }

  /** Once, whoever asks. */
  open() {
    this.#opened ??= this.#source.open(FIRST_BLOCK, this.#signal)
    return this.#opened
  }

  /**
   * Reads from the start until `use` says that the header is complete, or the file ends.
   * Where this was begun before, what it read comes first.
   * @param {(bytes: Uint8Array) => boolean} use
   * @param {(loaded: number) => void} onRead
   */
  async readHeader(use, onRead) {
    for (const bytes of this.head) if (this.#use(use, bytes)) return
    let block = FIRST_BLOCK
    for (;;) {
      const before = this.#headLength
      for await (const bytes of this.#ahead(block)) {
        const copy = bytes.slice() // sources reuse their buffers
        this.head.push(copy)
        this.#headLength += copy.length
        onRead(this.#headLength)
        if (this.#use(use, copy)) return
      }
      if (!this.supportsRanges || this.#headLength < before + block) return
      block = Math.min(2 * block, MAX_BLOCK)
    }
  }

  /**
   * If the bytes are no model but a page to log in, say, the error names the address and the type.
   * @param {(bytes: Uint8Array) => boolean} use
   * @param {Uint8Array} bytes
   */
  #use(use, bytes) {
    try {
      return use(bytes)
    } catch (error) {
      const { facts } = this.#source
      if (!facts || !(error instanceof SottoError) || error.code !== 'invalid_model') throw error
      const { url, contentType = 'no content-type' } = facts
      const message = `${error.message} (${contentType} from ${url})`
      const details = { ...error.details, source: this.name, url, content_type: facts.contentType }
      throw new SottoError(error.code, message, { details })
    }
  }

  /**
   * The header will not be parsed again: of its bytes only those are kept in which
   * the body may begin.
   */
  forgetHeader() {
    this.#headAt = this.#headLength - (this.head.at(-1)?.length ?? 0)
    this.head = this.head.slice(-1)
  }

  /**
   * The next bytes after those read so far.
   * @param {number} block how many, where one can choose
   */
  #ahead(block) {
    if (!this.supportsRanges) return this.#sequential()
    return this.#source.read(this.#headLength, block, this.#signal)
  }

  /** Whatever the stream has left; leaving the loop does not end the stream. */
  async *#sequential() {
    this.#rest ??= this.#source.read(0, Infinity, this.#signal)[Symbol.asyncIterator]()
    for (;;) {
      const { done, value } = await this.#rest.next()
      if (done) return
      this.#restAt += value.length
      yield value
    }
  }

  /**
   * Bytes of the body. A source without ranges is read once, from front to back.
   * @param {number} offset
   * @param {number} length
   * @returns {AsyncGenerator<Uint8Array>}
   */
  async *read(offset, length) {
    const end = offset + length
    let at = offset
    let start = this.#headAt
    for (const bytes of this.head) {
      if (at < end && at >= start && at < start + bytes.length) {
        const part = bytes.subarray(at - start, end - start)
        yield part
        at += part.length
      }
      start += bytes.length
    }
    if (at >= end) return
    if (this.supportsRanges) {
      yield* this.#source.read(at, end - at, this.#signal)
      return
    }
    while (at < end) {
      let position = this.#restAt
      const next = await this.#sequential().next()
      if (next.done) return
      const skip = Math.max(0, at - position)
      position += skip
      const part = next.value.subarray(skip, skip + end - at)
      if (part.length === 0) continue
      yield part
      at += part.length
    }
  }

  /** After the last read: the hash is compared, the cache completed. */
  async finish() {
    if (!this.#source.finish) return
    if (!this.supportsRanges) {
      // Bytes behind the last tensor belong to the file, and so to its hash.
      for await (const _ of this.#sequential());
    }
    await this.#source.finish(this.#signal)
  }

  /** The bytes are no model. */
  async reject() {
    await this.#source.reject?.()
  }

  /** Whether finish compares a hash. */
  get checks() {
    return this.#source.checks
  }

  /** What the cache had. */
  get use() {
    return this.#source.use
  }

  async close() {
    this.head = []
    await this.#rest?.return?.()
    await this.#source.close()
  }
}
