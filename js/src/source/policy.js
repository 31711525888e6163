// Requests that the page's own Content-Security-Policy refuses. fetch fails with them as
// with any network; the event that the browser fires beside it tells them apart, before
// or after the failure.
import { SottoError } from '../errors.js'

/**
 * @typedef {Event & { blockedURI: string, effectiveDirective: string, originalPolicy: string,
 *   disposition: 'enforce' | 'report' }} Violation
 */

/** Milliseconds: longer than an event needs that has been fired already. */
const WAIT_MS = 100

/** @type {Map<string, string>} origins that were refused, and the rule that did it */
const refused = new Map()
/** @type {Set<() => void>} */
const waiting = new Set()

globalThis.addEventListener?.('securitypolicyviolation', (event) => {
  const violation = /** @type {Violation} */ (event)
  const { blockedURI, effectiveDirective, originalPolicy, disposition } = violation
  if (effectiveDirective !== 'connect-src' || disposition !== 'enforce') return
  if (!URL.canParse(blockedURI)) return
  const rules = originalPolicy.split(';').map((rule) => rule.trim())
  const named = (/** @type {string} */ name) => rules.find((rule) => rule.startsWith(`${name} `))
  const rule = named('connect-src') ?? named('default-src') ?? 'connect-src'
  refused.set(new URL(blockedURI).origin, rule)
  for (const done of waiting) done()
})

/**
 * What there is to say of a request that failed in fetch, with no word why.
 * @param {unknown} error
 * @param {string} url
 * @param {string} name
 */
export async function explained(error, url, name) {
  const base = globalThis.location?.href ?? ''
  const inBrowser = /^(https?|blob):/.test(base)
  if (!(error instanceof TypeError) || !inBrowser || !URL.canParse(url, base)) return error
  const { origin, protocol } = new URL(url, base)
  if (origin === location.origin) return error
  if (!refused.has(origin)) await nextViolation()
  const rule = refused.get(origin)
  if (rule !== undefined) {
    const text =
      `${name}: the page's Content-Security-Policy (${rule}) refuses this address; ` +
      'take one that it allows, or a file'
    return new SottoError('io_error', text, { details: { source: name, policy: rule } })
  }
  // A page that came by https may load nothing by http. Browsers refuse that without saying so,
  // and workers in WebKit get no event of a violation either.
  if (protocol !== 'http:') return error
  const may = "the page's Content-Security-Policy or the browser may refuse an http: address"
  return new TypeError(`${error.message} (${may}; try https:, or a file)`)
}

/** @returns {Promise<void>} resolves with the next event, or when none comes */
function nextViolation() {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      waiting.delete(done)
      resolve()
    }
    const timer = setTimeout(done, WAIT_MS)
    waiting.add(done)
  })
}
