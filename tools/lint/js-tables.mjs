// js/src/tables.js: what JavaScript has to know of the core's tables before there is a module to
// ask. `npm run format` writes it, the lint compares.
import { read } from './source.mjs'
import { rows } from './tables.mjs'

export const JS_TABLES = 'js/src/tables.js'
const VARIANTS = 'src/kernels/variants.def'

const entries = (lines) => lines.map((line) => `  ${line},\n`).join('')

/** The file as it should be. */
export function jsTables(root) {
  const limits = rows(root, 'src/base/limits.def', 'LIMIT').map(
    ([name, min, max]) => `${name}: { min: ${min}, max: ${max} }`,
  )
  const both = rows(root, VARIANTS, '(?:VARIANT|FAMILY)')
  const variants = both.map(([, name, family = name]) => `${name}: '${family}'`)
  const types = rows(root, 'src/kernels/kv_types.def', 'K').map(([, name]) => `'${name}'`)
  return `// Made by \`npm run format\` of tables of the core: do not edit.

/** What numbers may be, both ends included; src/base/limits.def. */
export const LIMITS = Object.freeze({
${entries(limits)}})

/** Kernels that can be asked for, each with its family; src/kernels/variants.def. */
export const VARIANTS = /** @type {const} */ ({
${entries(variants)}})

/** What the KV cache keeps keys and values in, the default first; src/kernels/kv_types.def. */
export const CACHE_TYPES = /** @type {const} */ ([${types.join(', ')}])
`
}

export const checkJsTables = (root) =>
  jsTables(root) === read(root, JS_TABLES)
    ? []
    : [`${JS_TABLES}: is not made of the core's tables as they are; \`npm run format\` writes it`]
