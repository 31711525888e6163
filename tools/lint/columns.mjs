// Lines of code and comments end by column 100. Formatters hold code to it and leave comments and
// strings alone. Markdown, HTML and what set-up downloads are left out. A line may be longer if it
// is a URL, with a comment's or string's marks.
import { filesUnder, read } from './source.mjs'

const COLUMNS = 100
const folders = ['bench', 'cmake', 'js', 'models', 'src', 'tests', 'tools', 'wasi', 'web']
const written = /\.([cm]?js|[cm]?ts|css|c|h|def|wgsl)$/
const downloaded = /^models\/cache\//
const onlyUrl = /^\W*https?:\/\/\S+\W*$/

export function checkColumns(root) {
  const problems = []
  for (const path of folders.flatMap((folder) => filesUnder(root, folder, written))) {
    if (downloaded.test(path)) continue
    for (const [index, line] of read(root, path).split('\n').entries()) {
      const columns = [...line].length
      if (columns <= COLUMNS || onlyUrl.test(line)) continue
      problems.push(`${path}:${index + 1}: ${columns} columns, at most ${COLUMNS}`)
    }
  }
  return problems
}
