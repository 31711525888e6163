// A layer of src/ includes only itself and the layers above it in src/layers.txt, and writes its
// includes as "layer/file.h".
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { eachMatch, filesUnder, layersOf, read, stripC } from './source.mjs'

/** Headers that the build generates. */
const generated = new Set([
  'chat/unicode_tables.h',
  'tokenizer/nfc_tables.h',
  'tokenizer/unicode_tables.h',
])

export function checkIncludes(root) {
  const layers = layersOf(root)
  const problems = []
  for (const path of filesUnder(root, 'src', /\.(c|h|inc|def)$/)) {
    const layer = path.split('/')[1]
    const rank = layers.indexOf(layer)
    if (rank < 0) {
      problems.push(`${path}: ${layer} is not a layer in src/layers.txt`)
      continue
    }
    const text = stripC(read(root, path), { strings: false })
    eachMatch(text, /^[ \t]*#[ \t]*include[ \t]*"([^"]*)"/gm, ([, target], line) => {
      const at = `${path}:${line}: "${target}"`
      const targetRank = layers.indexOf(target.split('/')[0])
      if (!target.includes('/') || targetRank < 0) {
        problems.push(`${at} is not written as "layer/file.h"`)
      } else if (targetRank > rank) {
        problems.push(`${at} points the wrong way: ${layer} comes before ${layers[targetRank]}`)
      } else if (!generated.has(target) && !existsSync(join(root, 'src', target))) {
        problems.push(`${at} does not exist`)
      }
    })
  }
  return problems
}
