// Every kernel of src/backend/gpu as it is joined for each format, reduction and type of cache; the
// tests of single kernels know how.
import { formatOf, weightTypes } from '../../tests/gpu/lib/blocks.js'
import { constants, kernelNames, kvTypes, partsOf, source } from '../../tests/gpu/lib/kernels.js'

/** Each of a list where the kernel has one of the parts, else one that does not matter. */
const choices = (name, parts, list) =>
  parts.some((part) => partsOf(name).includes(part)) ? list : list.slice(0, 1)

/** Of weights: some kernels are only for quantised ones. */
const formats = (name) =>
  choices(
    name,
    ['FORMAT'],
    partsOf(name).includes('DOTS')
      ? weightTypes.filter((type) => !/F16|F32/.test(type))
      : weightTypes,
  )

/** How bytes are multiplied, and types of keys and values. */
const combinations = (name) =>
  choices(name, ['PRODUCTS', 'DOTS'], ['packed', 'plain']).flatMap((dots) =>
    choices(name, ['kv_read', 'kv_write'], kvTypes).flatMap((k) =>
      choices(name, ['kv_read', 'kv_write'], kvTypes).map((v) => [dots, k, v]),
    ),
  )

/** All of them, each { name, source }. */
export function wgslVariants() {
  const kernels = []
  for (const name of kernelNames)
    for (const type of formats(name))
      for (const reduce of choices(name, ['REDUCE', 'TEAM'], ['shared', 'subgroup']))
        for (const [dots, k, v] of combinations(name)) {
          const own = { K_TYPE: constants[`KV_${k}`], V_TYPE: constants[`KV_${v}`] }
          const text = source(name, { format: formatOf(type), reduce, dots, own })
          kernels.push({ name: `${name} ${type} ${reduce} ${dots} ${k} ${v}`, source: text })
        }
  return kernels
}
