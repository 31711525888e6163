// The workers of the browser's library as one file each, for pages without a bundler: a worker
// starts when its last import has come, and there would be twenty of them. Called by the build.
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

/**
 * From files of js/src/worker/entry to those of js/dist/worker. Callers give browser.js
 * as workerUrl.
 */
const workers = {
  'engine-browser.js': 'browser.js',
  'thread-browser.js': 'thread-browser.js',
  'hash-browser.js': 'hash-browser.js',
}

export async function bundle() {
  for (const [entry, name] of Object.entries(workers)) {
    const input = inRoot('js', 'src', 'worker', 'entry', entry)
    const bundled = await rolldown({ input, platform: 'browser', plugins: [besideModules] })
    const file = join(inRoot('js', 'dist', 'worker'), name)
    await bundled.write({ file, format: 'es' })
  }
}

if (isMain(import.meta.url)) await main(bundle)
