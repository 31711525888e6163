// Colours for code: highlight.js with the languages that models write most.
import highlighter from 'highlight.js/lib/core'
import bash from 'highlight.js/lib/languages/bash'
import c from 'highlight.js/lib/languages/c'
import cpp from 'highlight.js/lib/languages/cpp'
import css from 'highlight.js/lib/languages/css'
import diff from 'highlight.js/lib/languages/diff'
import go from 'highlight.js/lib/languages/go'
import java from 'highlight.js/lib/languages/java'
import javascript from 'highlight.js/lib/languages/javascript'
import json from 'highlight.js/lib/languages/json'
import python from 'highlight.js/lib/languages/python'
import rust from 'highlight.js/lib/languages/rust'
import sql from 'highlight.js/lib/languages/sql'
import typescript from 'highlight.js/lib/languages/typescript'
import xml from 'highlight.js/lib/languages/xml'
import yaml from 'highlight.js/lib/languages/yaml'

const languages = { bash, c, cpp, css, diff, go, java, javascript, json, python, rust, sql }
for (const [name, rules] of Object.entries({ ...languages, typescript, xml, yaml })) {
  highlighter.registerLanguage(name, rules)
}

/** Characters. Longer code stays plain: colouring it would hold the page up. */
const LONGEST = 20_000

/**
 * @param {string} code
 * @param {string} language as the fence names it
 * @returns {string | undefined} HTML; undefined where there are no colours for it
 */
export function highlight(code, language) {
  if (code.length > LONGEST || !highlighter.getLanguage(language)) return undefined
  return highlighter.highlight(code, { language, ignoreIllegals: true }).value
}
