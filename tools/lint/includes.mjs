// A layer of src/ includes only itself and the layers above it in src/layers.txt, and writes its
// includes as "layer/file.h". A layer whose folder has a rooms.txt is divided in the same way:
// a room includes itself and the rooms above it there, files beside the rooms include all of them.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { eachMatch, filesUnder, layersOf, read, roomsOf, stripC } from './source.mjs'

/** Headers that the build generates. */
const generated = new Set([
  'backend/gpu/kernels_hash.h',
  'base/lower_tables.h',
  'chat/unicode_tables.h',
  'tokenizer/bert_tables.h',
  'tokenizer/nfc_tables.h',
  'tokenizer/unicode_tables.h',
])

/**
 * The room that "layer/room/file.h" lies in, by its number; files beside the rooms come last.
 */
function roomOf(rooms, path) {
  const [, room, file] = path.split('/')
  return file ? rooms.indexOf(room) : rooms.length
}

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
    const rooms = roomsOf(root, layer)
    const room = roomOf(rooms, path.slice('src/'.length))
    if (rooms.length && room < 0) problems.push(`${path} is in no room of src/${layer}/rooms.txt`)
    const text = stripC(read(root, path), { strings: false })
    eachMatch(text, /^[ \t]*#[ \t]*include[ \t]*"([^"]*)"/gm, ([, target], line) => {
      const at = `${path}:${line}: "${target}"`
      const targetRank = layers.indexOf(target.split('/')[0])
      if (!target.includes('/') || targetRank < 0) {
        problems.push(`${at} is not written as "layer/file.h"`)
      } else if (targetRank > rank) {
        problems.push(`${at} points the wrong way: ${layer} comes before ${layers[targetRank]}`)
      } else if (generated.has(target)) {
        return
      } else if (!existsSync(join(root, 'src', target))) {
        problems.push(`${at} does not exist`)
      } else if (rooms.length && targetRank === rank && roomOf(rooms, target) > room) {
        problems.push(`${at} points the wrong way: ${rooms[room]} is above it in rooms.txt`)
      }
    })
  }
  return problems
}
