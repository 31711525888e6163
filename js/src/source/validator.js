// What an answer says about the file behind it: which version it is, and its digest
// (RFC 9110, 9530).

/**
 * Tells one version of a file from another.
 * @typedef {object} Validator
 * @property {string | undefined} etag as the server writes it
 * @property {string | undefined} lastModified
 * @property {number | undefined} size in bytes
 * @property {boolean} strong the ETag alone says that bytes are equal
 */

/**
 * Plain data: it crosses from thread to thread.
 * @typedef {object} SourceFacts
 * @property {string} url that answered, after redirects; may carry a signature that expires
 * @property {string | undefined} contentType
 * @property {Validator} validator
 * @property {string | undefined} sha256 of the whole file, in lower-case hex,
 *   if the server states one
 */

/**
 * @param {Response} response
 * @param {number | undefined} size of the file
 * @param {string} name instead of an address that is the file itself
 * @returns {SourceFacts}
 */
export function factsOf({ headers, url }, size, name) {
  return {
    url: url.startsWith('data:') || !url ? name : url,
    contentType: headers.get('content-type') ?? undefined,
    validator: validatorOf(headers, size),
    sha256: isEncoded(headers) ? undefined : sha256Of(headers),
  }
}

/** @param {Headers} headers @param {number | undefined} size @returns {Validator} */
export function validatorOf(headers, size) {
  const etag = headers.get('etag') ?? undefined
  const lastModified = headers.get('last-modified') ?? undefined
  return makeValidator({ etag, lastModified, size })
}

/**
 * @param {{ etag?: string, lastModified?: string, size?: number }} known
 * @returns {Validator}
 */
export const makeValidator = ({ etag, lastModified, size }) => ({
  etag,
  lastModified,
  size,
  strong: etag !== undefined && !etag.startsWith('W/'),
})

/**
 * Whether an answer is of the same version as the first.
 * @param {Validator} first
 * @param {Validator} other
 * @returns {'same' | 'other' | 'unknown'}
 */
export function compare(first, other) {
  // Something else than the file's server answered: a page to log in, say.
  if (first.strong && other.etag === undefined) return 'unknown'
  const known = first.size !== undefined && other.size !== undefined
  if (known && first.size !== other.size) return 'other'
  if (first.strong) return held(first.etag, other.etag)
  // Servers of one site may differ in their weak tags, but not in the file's date.
  if (first.lastModified) return held(first.lastModified, other.lastModified)
  return first.etag ? held(bare(first.etag), bare(other.etag)) : 'same'
}

/**
 * Whether what was kept is of the version that the server has now; `by` says what was compared.
 * @param {Validator} kept
 * @param {Validator} now
 * @returns {{ same: boolean, by: 'etag' | 'last-modified' | 'size' }}
 */
export function revalidate(kept, now) {
  const sizes = kept.size === undefined || now.size === undefined || kept.size === now.size
  if (kept.etag && now.etag) return { same: sizes && kept.etag === now.etag, by: 'etag' }
  if (kept.lastModified && now.lastModified) {
    return { same: sizes && kept.lastModified === now.lastModified, by: 'last-modified' }
  }
  return { same: kept.size !== undefined && kept.size === now.size, by: 'size' }
}

/** @param {string | undefined} one @param {string | undefined} other */
function held(one, other) {
  if (other === undefined) return 'unknown'
  return one === other ? 'same' : 'other'
}

/** Whether there is more than a size to go by. @param {Validator} validator */
export const identifies = ({ etag, lastModified }) => Boolean(etag ?? lastModified)

/** @param {string | undefined} etag */
const bare = (etag) => etag?.replace(/^W\//, '')

/** The body is not the file as it is. @param {Headers} headers */
export const isEncoded = (headers) => (headers.get('content-encoding') ?? 'identity') !== 'identity'

/**
 * A plain ETag is no digest, however much it looks like one: some hosts use another
 * hash of as many digits.
 * @param {Headers} headers
 */
function sha256Of(headers) {
  const stated =
    /(?:^|,)\s*sha-256=:([^:]+):/i.exec(headers.get('repr-digest') ?? '') ??
    /(?:^|,)\s*sha-256=([^,;\s]+)/i.exec(headers.get('digest') ?? '')
  // Hugging Face's hub: of files in its large file storage.
  const linked = /^"([0-9a-f]{64})"$/i.exec(headers.get('x-linked-etag') ?? '')?.[1]
  return (stated && hexOf(stated[1])) ?? linked?.toLowerCase()
}

/** @param {string} base64 @returns {string | undefined} of 32 bytes */
function hexOf(base64) {
  if (!/^[A-Za-z0-9+/]{43}=$/.test(base64)) return undefined
  const codes = [...atob(base64)].map((character) => character.charCodeAt(0))
  return codes.map((code) => code.toString(16).padStart(2, '0')).join('')
}
