// js/src/tables.js: what JavaScript has to know of the core's tables before there is a module to ask.
// `npm run format` writes it, the lint compares.
import { read } from './source.mjs'
import { rows } from './tables.mjs'

export const JS_TABLES = 'js/src/tables.js'

const entries = (lines) => lines.map((line) => `  ${line},\n`).join('')

/** The file as it should be. */
export function jsTables(root) {
  const limits = rows(root, 'src/base/limits.def', 'LIMIT').map(
    ([name, min, max]) => `${name}: { min: ${min}, max: ${max} }`,
  )
  return `// Made by \`npm run format\` of tables of the core: do not edit.

/** What numbers may be, both ends included; src/base/limits.def. */
export const LIMITS = Object.freeze({
${entries(limits)}})
`
}

export const checkJsTables = (root) =>
  jsTables(root) === read(root, JS_TABLES)
    ? []
    : [`${JS_TABLES}: is not made of the core's tables as they are; \`npm run format\` writes it`]
