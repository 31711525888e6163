// What a page downloads before the model: JavaScript and one module, each file gzipped.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { inRoot } from '../tools/lib/paths.mjs'

const gzipped = (paths) =>
  paths.reduce((sum, path) => sum + gzipSync(readFileSync(path), { level: 9 }).length, 0)

/** Only Node.js loads these. */
const forNode = ['node.js', 'worker/node.js', 'worker/file-reader.js', 'source/file.js']

export function sottoBytes() {
  const source = inRoot('js', 'src')
  const scripts = readdirSync(source, { recursive: true })
    .filter((name) => name.endsWith('.js') && !forNode.includes(name))
    .map((name) => join(source, name))
  const dist = ['sotto-relaxed.wasm', 'sotto-relaxed.mjs', 'sotto-simd128.mjs']
  return gzipped([...scripts, ...dist.map((name) => inRoot('js', 'dist', name))])
}

export function wllamaBytes() {
  const folder = inRoot('bench', 'node_modules', '@wllama', 'wllama', 'esm')
  return gzipped([join(folder, 'index.min.js'), join(folder, 'wasm', 'wllama.wasm')])
}
