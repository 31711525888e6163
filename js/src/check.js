// Checking what callers hand in. A rule takes a value and its field's name and returns the value or
// throws invalid_argument naming the field. Unknown fields are refused: a misspelt option that is
// silently ignored costs its user an afternoon.
import { invalidArgument } from './errors.js'
import { LIMITS } from './tables.js'

/** @typedef {(value: any, field: string) => any} Rule */

/**
 * The known fields that were given (null counts as left out), each as its rule returns it.
 * @param {object} input
 * @param {Record<string, Rule>} rules
 * @param {string[]} others fields that somebody else reads
 * @returns {Record<string, any>}
 */
export function check(input, rules, others = []) {
  if (input === null || typeof input !== 'object') {
    throw invalidArgument('options', 'must be an object')
  }
  /** @type {Record<string, any>} */
  const result = {}
  for (const [field, value] of Object.entries(input)) {
    const rule = Object.hasOwn(rules, field) ? rules[field] : undefined
    if (!rule && !others.includes(field)) throw invalidArgument(field, 'is not a known parameter')
    if (rule && value !== undefined && value !== null) result[field] = rule(value, field)
  }
  return result
}

/** @param {number} min @param {number} max @returns {Rule} */
export const integer = (min, max) => (value, field) => {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value
  throw invalidArgument(field, `must be an integer from ${min} to ${max}, not ${show(value)}`)
}

/** @param {number} min @param {number} max @returns {Rule} */
export const number = (min, max) => (value, field) => {
  if (typeof value === 'number' && value >= min && value <= max) return value
  throw invalidArgument(field, `must be a number from ${min} to ${max}, not ${show(value)}`)
}

/**
 * The same within the core's own limits, which are the module's last word too.
 * @param {keyof typeof LIMITS} name
 */
export const limitedInteger = (name) => integer(LIMITS[name].min, LIMITS[name].max)
/** @param {keyof typeof LIMITS} name */
export const limitedNumber = (name) => number(LIMITS[name].min, LIMITS[name].max)

/** @type {Rule} */
export const boolean = (value, field) => {
  if (typeof value === 'boolean') return value
  throw invalidArgument(field, `must be true or false, not ${show(value)}`)
}

/** @type {Rule} */
export const string = (value, field) => {
  if (typeof value === 'string') return value
  throw invalidArgument(field, `must be a string, not ${show(value)}`)
}

/** @type {Rule} */
export const object = (value, field) => {
  if (typeof value === 'object' && !Array.isArray(value)) return value
  throw invalidArgument(field, `must be an object, not ${show(value)}`)
}

/** @param {...unknown} allowed @returns {Rule} */
export const oneOf =
  (...allowed) =>
  (value, field) => {
    if (allowed.includes(value)) return value
    const list = allowed.map(show).join(', ')
    throw invalidArgument(field, `must be one of ${list}, not ${show(value)}`)
  }

/**
 * A word that `words` allows, or what `others` does.
 * @param {Rule} words
 * @param {Rule} others
 * @returns {Rule}
 */
export const either = (words, others) => (value, field) =>
  typeof value === 'string' ? words(value, field) : others(value, field)

/** @param {unknown} value */
export function show(value) {
  if (typeof value === 'bigint') return `${value}n`
  const text = typeof value === 'function' ? 'a function' : JSON.stringify(value)
  return text === undefined ? String(value) : text.slice(0, 80)
}
