// engine.embeddings: texts to vectors, for models whose files say how to pool. Vectors are those
// of the core: of length 1, the same bits on every host.
import { check, integer, oneOf, show, string } from '../check.js'
import { invalidArgument, SottoError } from '../errors.js'
import { collect } from './reply.js'
import { abortSignal, tokenList } from './request.js'

/** @import { Connection } from '../connection.js' */
/** @import { Rule } from '../check.js' */
/** @import { EmbeddingList, EmbeddingRequest } from '../types.js' */
/** @import { CoreRequest, EngineEvent, Prompt } from '../protocol.js' */

/** Texts under way at a time: enough to fill batches, and less than the engine's queue takes. */
const AT_ONCE = 16

/** @type {Rule} */
const inputs = (value, field) => {
  const isOne = typeof value === 'string' || value instanceof Int32Array
  const list = isOne || value.every?.((/** @type {any} */ item) => typeof item === 'number')
  const all = list && value.length > 0 ? [value] : value
  if (!Array.isArray(all) || all.length === 0) {
    const what = 'a text, token ids, or a list of these'
    throw invalidArgument(field, `must be ${what}, and not empty; it is ${show(value)}`)
  }
  return all.map((item, i) => prompt(item, all.length > 1 ? `${field}[${i}]` : field))
}

/** @param {any} value @param {string} field @returns {Prompt} */
function prompt(value, field) {
  if (value === '') throw invalidArgument(field, 'is empty')
  if (typeof value === 'string') {
    return { kind: 'text', text: value, add_special: true, parse_special: false }
  }
  if (typeof value !== 'object' || value === null) {
    throw invalidArgument(field, `must be a text or token ids, not ${show(value)}`)
  }
  return { kind: 'tokens', tokens: tokenList(value, field) }
}

const rules = {
  input: inputs,
  encoding_format: oneOf('float', 'base64'),
  dimensions: integer(1, 2 ** 31),
  model: string,
  user: string,
  signal: abortSignal,
}

export class Embeddings {
  #connection
  #model
  #width

  /**
   * @param {Connection} connection
   * @param {string} model its name
   * @param {number} width of its vectors
   */
  constructor(connection, model, width) {
    this.#connection = connection
    this.#model = model
    this.#width = width
  }

  /**
   * @overload
   * @param {EmbeddingRequest & { encoding_format: 'base64' }} request
   * @returns {Promise<EmbeddingList<string>>}
   */
  /**
   * @overload
   * @param {EmbeddingRequest & { encoding_format?: 'float' | null }} request
   * @returns {Promise<EmbeddingList>}
   */
  /**
   * @param {EmbeddingRequest} request
   * @returns {Promise<EmbeddingList<any>>}
   */
  async create(request) {
    const { input, dimensions, encoding_format, signal } = check(request, rules)
    if (input === undefined) throw invalidArgument('input', 'is missing')
    if (dimensions !== undefined && dimensions !== this.#width) {
      const why = `this model's vectors have ${this.#width} and are not made to be cut`
      throw invalidArgument('dimensions', `cannot be ${dimensions}: ${why}`)
    }
    const encode = encoding_format === 'base64' ? base64 : (/** @type {any} */ v) => Array.from(v)
    const results = await this.#all(input, signal)
    const tokens = results.reduce((sum, { done }) => sum + done.prompt_n, 0)
    return {
      object: 'list',
      data: results.map(({ embedding }, index) => ({
        object: 'embedding',
        index,
        embedding: encode(embedding),
      })),
      model: this.#model,
      usage: { prompt_tokens: tokens, total_tokens: tokens },
    }
  }

  /**
   * @param {Prompt[]} prompts
   * @param {AbortSignal} [signal]
   */
  async #all(prompts, signal) {
    /** @type {{ embedding: Float32Array, done: EngineEvent }[]} */
    const results = []
    let next = 0
    const work = async () => {
      while (next < prompts.length) {
        const index = next++
        try {
          results[index] = await this.#one(prompts[index], signal)
        } catch (error) {
          next = prompts.length
          throw prompts.length > 1 ? named(error, index) : error
        }
      }
    }
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, prompts.length) }, work))
    return results
  }

  /**
   * @param {Prompt} prompt
   * @param {AbortSignal} [signal]
   */
  async #one(prompt, signal) {
    /** @type {CoreRequest} */
    const core = {
      prompt,
      fields: { max_tokens: 0 },
      flags: ['EMBEDDING'],
      stop: [],
      logit_bias: [],
    }
    const { events, done } = await collect(this.#connection, core, signal)
    const event = events.find(({ kind }) => kind === 'embedding')
    return { embedding: /** @type {Float32Array} */ (event?.embedding), done }
  }
}

/**
 * What concerns one of several texts says which.
 * @param {unknown} error
 * @param {number} index
 */
function named(error, index) {
  if (!(error instanceof SottoError) || error.code === 'disposed') return error
  const details = { ...error.details, index }
  return new SottoError(error.code, `input[${index}]: ${error.message}`, { cause: error, details })
}

/** @param {Float32Array} vector */
function base64(vector) {
  const bytes = new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength)
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))
}
