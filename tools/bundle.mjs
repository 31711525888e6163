// The workers of the browser's library as one file each, for pages without a bundler: a worker
// starts when its last import has come, and there would be twenty of them. What only GPUs need is a
// file beside the modules, which the engine's worker imports by its address. Called by the build.
//   node tools/bundle.mjs
import { join } from 'node:path'
import { rolldown } from 'rolldown'
import { isMain, main } from './lib/main.mjs'
import { inRoot } from './lib/paths.mjs'

/** The modules' own code looks for its file beside itself, which is now one folder further down. */
const besideModules = {
  name: 'beside-modules',
  transform: (code, id) =>
    id.endsWith('.mjs') ? code.replace(/new URL\("(?=sotto-)/, 'new URL("../') : undefined,
}

/** From files of js/src to those of js/dist. Callers give worker/browser.js as workerUrl. */
const bundles = {
  'worker/entry/engine-browser.js': 'worker/browser.js',
  'worker/entry/thread-browser.js': 'worker/thread-browser.js',
  'worker/entry/hash-browser.js': 'worker/hash-browser.js',
  'gpu/gpu.js': 'gpu.js',
}

export async function bundle() {
  for (const [entry, name] of Object.entries(bundles)) {
    const input = inRoot('js', 'src', entry)
    const bundled = await rolldown({ input, platform: 'browser', plugins: [besideModules] })
    const file = join(inRoot('js', 'dist'), name)
    await bundled.write({ file, format: 'es' })
  }
}

if (isMain(import.meta.url)) await main(bundle)
