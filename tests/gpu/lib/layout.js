// The layout of the records (src/backend/gpu/records.h) as the core would tell it, read from the
// header: of integers alone, each aligned to its size.
import { readFileSync } from 'node:fs'

const header = readFileSync(new URL('../../../src/backend/gpu/records.h', import.meta.url), 'utf8')

const sizes = { uint32_t: 4, uint64_t: 8 }

function fieldsOf(body) {
  let offset = 0
  const fields = {}
  for (const [, type, names] of body.matchAll(/\b(uint32_t|uint64_t) ([^;]+);/g)) {
    for (const name of names.split(',').map((text) => text.trim())) {
      const size = sizes[type]
      offset = Math.ceil(offset / size) * size
      fields[name] = [`u${8 * size}`, offset]
      offset += size
    }
  }
  const widest = Math.max(...Object.values(fields).map(([type]) => Number(type.slice(1)) / 8))
  return { size: Math.ceil(offset / widest) * widest, fields }
}

const structs = [...header.matchAll(/typedef struct sotto_(\w+) \{(.*?)\n\} /gs)].map(
  ([, name, body]) => [name, fieldsOf(body.replaceAll(/\/\*.*?\*\//gs, ''))],
)
const constants = [...header.matchAll(/ SOTTO_(GPU_\w+) = (\d+),/g)].map(([, name, value]) => [
  name,
  Number(value),
])

export const layout = {
  status: {},
  constants: Object.fromEntries(constants),
  structs: Object.fromEntries(structs),
}
