// What a page downloads before the model: JavaScript and one module, each file gzipped.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { inRoot } from '../tools/lib/paths.mjs'

const gzipped = (paths) =>
  paths.reduce((sum, path) => sum + gzipSync(readFileSync(path), { level: 9 }).length, 0)

/** Only Node.js loads these. */
const forNode = /(^|[/-])node\.js$|^source\/file\.js$/
/** Only where there is a GPU, from one file in dist. */
const forGpu = /^gpu\//

/** All scripts, although a page needs one glue of several, and the largest module. */
export function sottoBytes() {
  const source = inRoot('js', 'src')
  const scripts = readdirSync(source, { recursive: true })
    .filter((name) => name.endsWith('.js') && !forNode.test(name) && !forGpu.test(name))
    .map((name) => join(source, name))
  const dist = inRoot('js', 'dist')
  const glue = readdirSync(dist).filter((name) => name.endsWith('.mjs'))
  const modules = readdirSync(dist).filter((name) => name.endsWith('.wasm'))
  const largest = Math.max(...modules.map((name) => gzipped([join(dist, name)])))
  return gzipped([...scripts, ...glue.map((name) => join(dist, name))]) + largest
}

/** What comes on top where there is a GPU. */
export const gpuBytes = () =>
  gzipped(['gpu.js', 'kernels.js'].map((name) => inRoot('js', 'dist', name)))

export function wllamaBytes() {
  const folder = inRoot('bench', 'node_modules', '@wllama', 'wllama', 'esm')
  return gzipped([join(folder, 'index.min.js'), join(folder, 'wasm', 'wllama.wasm')])
}
