/** A small generator of numbers that repeat: x → [0, x). */
export function random(seed) {
  let state = Math.imul(seed, 2654435761) >>> 0
  const next = (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * limit)
  }
  next(1) // neighbouring seeds begin alike
  return next
}
