// What the source checks share: the files of a folder, and C text without comments and strings.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, sep } from 'node:path'

/** Paths under root/folder whose name matches, relative to root, with forward slashes. */
export function filesUnder(root, folder, pattern) {
  let names
  try {
    names = readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
  } catch {
    return []
  }
  return names
    .filter((entry) => entry.isFile() && pattern.test(entry.name))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(root.length + 1))
    .map((path) => path.split(sep).join('/'))
    .filter((path) => !/(^|\/)(node_modules|dist|build)\//.test(path))
    .sort()
}

export const read = (root, path) => readFileSync(join(root, path), 'utf8')

/** The order of the layers, from src/layers.txt. */
export const layersOf = (root) => read(root, 'src/layers.txt').split('\n').filter(Boolean)

/** The order of the rooms that a layer is divided into, from its rooms.txt; empty without one. */
export function roomsOf(root, layer) {
  const path = `src/${layer}/rooms.txt`
  return existsSync(join(root, path)) ? read(root, path).split('\n').filter(Boolean) : []
}

/**
 * C text in which comments are blanks, so that lines keep their numbers; with `strings`, the
 * contents of string and character constants are blanks too.
 */
export function stripC(text, { strings = true } = {}) {
  const token = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/g
  return text.replace(token, (found) => {
    if (found[0] === '/') return found.replace(/[^\n]/g, ' ')
    return strings ? found[0] + ' '.repeat(found.length - 2) + found[0] : found
  })
}

/** Calls `found(match, lineNumber)` for every match of a global pattern. */
export function eachMatch(text, pattern, found) {
  for (const match of text.matchAll(pattern)) {
    found(match, text.slice(0, match.index).split('\n').length)
  }
}
