// A result in the fragment of an address, which no server gets to see: #r=z… is
// base64url of deflated JSON, #r=j… of JSON as it is, for browsers that cannot deflate.
// What comes back is checked.
import { checkResult, LinkError } from './check.js'

/** @import { Result } from './result.js' */

const KEY = 'r='
const LONGEST_FRAGMENT = 20_000
const MOST_BYTES = 100_000
const METHOD = 'deflate-raw'
const broken = 'The result in this link is damaged: part of the address may be missing.'

/** Whether an address has a result in it. @param {string} hash of a location */
export const hasResult = (hash) => hash.startsWith(`#${KEY}`)

/** @param {Result} result @returns {Promise<string>} with the # */
export async function fragmentOf(result) {
  const bytes = new TextEncoder().encode(JSON.stringify(result))
  const packed = await through(bytes, compressor()).catch(() => undefined)
  return `#${KEY}${packed ? `z${toText(packed)}` : `j${toText(bytes)}`}`
}

/**
 * Throws a LinkError, whatever is wrong.
 * @param {string} hash of a location
 * @returns {Promise<Result>}
 */
export async function resultFrom(hash) {
  if (hash.length > LONGEST_FRAGMENT) {
    throw new LinkError('This link is too long to be a result of this benchmark.')
  }
  const [, method, encoded] = /^#r=([zj])([\w-]+)$/.exec(hash) ?? []
  if (!encoded) throw new LinkError(broken)
  const bytes = method === 'j' ? fromText(encoded) : await unpack(fromText(encoded))
  return checkResult(parse(bytes))
}

/** @param {Uint8Array<ArrayBuffer>} bytes @returns {unknown} */
function parse(bytes) {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    throw new LinkError(broken)
  }
}

/** @returns {CompressionStream | undefined} */
function compressor() {
  try {
    return new CompressionStream(METHOD)
  } catch {
    return undefined
  }
}

/** @param {Uint8Array<ArrayBuffer>} packed */
async function unpack(packed) {
  if (typeof DecompressionStream === 'undefined') {
    throw new LinkError('This browser is too old to unpack the result in this link.')
  }
  try {
    const bytes = await through(packed, new DecompressionStream(METHOD))
    if (bytes) return bytes
  } catch {
    throw new LinkError(broken)
  }
  throw new LinkError('The result in this link is too large to be one of this benchmark.')
}

/**
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @param {CompressionStream | DecompressionStream | undefined} stream
 * @returns {Promise<Uint8Array<ArrayBuffer> | undefined>} none where there is no stream,
 *   or what came out was more than a result can be: no more than that is unpacked
 */
async function through(bytes, stream) {
  if (!stream) return undefined
  const reader = new Blob([bytes]).stream().pipeThrough(stream).getReader()
  const parts = []
  let size = 0
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    parts.push(part.value)
    size += part.value.length
    if (size > MOST_BYTES) {
      await reader.cancel()
      return undefined
    }
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer())
}

/** @param {Uint8Array} bytes @returns {string} base64url */
function toText(bytes) {
  const characters = Array.from(bytes, (byte) => String.fromCharCode(byte)).join('')
  return btoa(characters).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

/** @param {string} text base64url */
function fromText(text) {
  try {
    const characters = atob(text.replaceAll('-', '+').replaceAll('_', '/'))
    return Uint8Array.from(characters, (character) => character.charCodeAt(0))
  } catch {
    throw new LinkError(broken)
  }
}
