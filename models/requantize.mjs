// Rewrites a GGUF file with every quantised 2-D tensor, the embedding too, in another type;
// the rest and the metadata stay as they are. The same policy as tests/golden/requantize.py.
//   node models/requantize.mjs IN.gguf OUT.gguf F16|Q4_0|Q4_1|Q8_0
import { isMain, main } from '../tools/lib/main.mjs'
import { say } from '../tools/lib/report.mjs'
import { readGguf, readRows, tensorTypes, writeGguf } from './gguf.mjs'
import { dequantizeRow, quantizable, quantizeRow } from './quants.mjs'

export function requantize(source, target, type) {
  const { metadata, tensors } = readGguf(source)
  const fileType = metadata.get('general.file_type')
  if (fileType)
    metadata.set('general.file_type', { ...fileType, value: tensorTypes[type].fileType })
  const changed = tensors.map((tensor) => {
    if (tensor.shape.length !== 2 || tensor.type === 'F32' || tensor.type === type) {
      return { ...tensor, rows: () => readRows(source, tensor) }
    }
    return { ...tensor, type, rows: () => requantizedRows(source, tensor, type) }
  })
  writeGguf(target, metadata, changed)
}

function* requantizedRows(source, tensor, type) {
  for (const row of readRows(source, tensor)) {
    yield quantizeRow(type, dequantizeRow(tensor.type, row, tensor.shape[0]))
  }
}

if (isMain(import.meta.url)) {
  await main(async () => {
    const [source, target, type] = process.argv.slice(2)
    if (!quantizable.includes(type)) {
      throw new Error(`node models/requantize.mjs IN.gguf OUT.gguf ${quantizable.join('|')}`)
    }
    requantize(source, target, type)
    say(`${target}: ${readGguf(target).bytes} bytes`)
  })
}
