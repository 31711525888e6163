// File lengths: a file that is longer should be two.
import { filesUnder, read } from './source.mjs'

const limits = [
  { folders: ['src', 'wasi', 'tests'], pattern: /\.c$/, lines: 800 },
  { folders: ['src', 'wasi', 'tests'], pattern: /\.h$/, lines: 150 },
  { folders: ['js', 'web', 'tools', 'tests', 'bench', 'models'], pattern: /\.m?js$/, lines: 350 },
  { folders: ['src'], pattern: /\.wgsl$/, lines: 150 },
]
/** The one public header holds the comments that its users read. */
const publicHeaders = { 'src/api/sotto.h': 400 }

export function checkLimits(root) {
  const problems = []
  for (const { folders, pattern, lines } of limits) {
    for (const path of folders.flatMap((folder) => filesUnder(root, folder, pattern))) {
      const limit = publicHeaders[path] ?? lines
      const count = read(root, path).split('\n').length - 1
      if (count > limit) problems.push(`${path}: ${count} lines, at most ${limit}`)
    }
  }
  return problems
}
