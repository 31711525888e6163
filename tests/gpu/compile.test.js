// Every kernel, as it is joined for each format, reduction and type of cache, compiles with the
// compilers of browsers.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkWgsl } from '../../tools/lint/wgsl.mjs'
import { formatOf, weightTypes } from './lib/blocks.js'
import { constants, kernelNames, kvTypes, partsOf, source } from './lib/kernels.js'

/** Each of a list where the kernel has one of the parts, else one that does not matter. */
const choices = (name, parts, list) =>
  parts.some((part) => partsOf(name).includes(part)) ? list : list.slice(0, 1)

test('Tint and naga take all kernels; naga has no subgroups', async () => {
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
  const { problems, unchecked } = await checkWgsl(kernels)
  assert.deepEqual(problems, [])
  for (const line of unchecked) assert.match(line, / subgroup .*lacks subgroups/)
})
