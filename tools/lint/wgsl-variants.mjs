// Every kernel of src/backend/gpu as it is joined for each format, reduction and type of cache; the
// tests of single kernels know how.
import { formatOf, weightTypes } from '../../tests/gpu/lib/blocks.js'
import { constants, kernelNames, kvTypes, partsOf, source } from '../../tests/gpu/lib/kernels.js'

/** Each of a list where the kernel has one of the parts, else one that does not matter. */
const choices = (name, parts, list) =>
  parts.some((part) => partsOf(name).includes(part)) ? list : list.slice(0, 1)

/** All of them, each { name, source }. */
export function wgslVariants() {
  const kernels = []
  for (const name of kernelNames)
    for (const type of choices(name, ['FORMAT'], weightTypes))
      for (const reduce of choices(name, ['REDUCE'], ['shared', 'subgroup']))
        for (const k of choices(name, ['kv_read', 'kv_write'], kvTypes))
          for (const v of choices(name, ['kv_read', 'kv_write'], kvTypes)) {
            const own = { K_TYPE: constants[`KV_${k}`], V_TYPE: constants[`KV_${v}`] }
            const text = source(name, { format: formatOf(type), reduce, own })
            kernels.push({ name: `${name} ${type} ${reduce} ${k} ${v}`, source: text })
          }
  return kernels
}
