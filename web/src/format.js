// Numbers as people read them.

/** @param {number} n */
export const count = (n) => Math.round(n).toLocaleString('en')

/** @param {number} n bytes, in decimal units as shops and system monitors have them */
export function bytes(n) {
  if (n < 1e3) return `${n} B`
  if (n < 1e6) return `${(n / 1e3).toFixed(0)} KB`
  if (n < 1e9) return `${(n / 1e6).toFixed(n < 1e7 ? 1 : 0)} MB`
  return `${(n / 1e9).toFixed(2)} GB`
}

/** @param {number} ms */
export function duration(ms) {
  if (ms < 10) return `${ms.toFixed(1)} ms`
  if (ms < 1000) return `${ms.toFixed(0)} ms`
  return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`
}

/** @param {number} seconds left of something */
export function remaining(seconds) {
  if (!Number.isFinite(seconds)) return ''
  if (seconds < 1) return 'less than a second left'
  if (seconds < 60) return `${Math.round(seconds)} s left`
  if (seconds < 3600) return `${Math.round(seconds / 60)} min left`
  return `${(seconds / 3600).toFixed(1)} h left`
}

/** @param {number} n tokens per second */
export const perSecond = (n) => `${n.toFixed(n < 100 ? 1 : 0)} tokens/s`

/** @param {number} n */
export const threads = (n) => (n === 1 ? '1 thread' : `${n} threads`)

/**
 * How long ago, in the fewest words.
 * @param {number} time
 * @param {number} [now]
 */
export function ago(time, now = Date.now()) {
  const days = Math.floor((now - time) / 86_400_000)
  if (days < 1) return 'today'
  if (days < 2) return 'yesterday'
  if (days < 7) return `${days} days ago`
  return new Date(time).toLocaleDateString('en', {
    day: 'numeric',
    month: 'short',
    year: 'numeric',
  })
}
