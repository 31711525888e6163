// The workers of the browser's library as one file each, for pages without a bundler: a worker starts
// when its last import has come, and there would be twenty of them. Called by the build.
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

export async function bundle() {
  for (const name of ['browser.js', 'thread-browser.js', 'hash-browser.js']) {
    const input = inRoot('js', 'src', 'worker', name)
    const bundled = await rolldown({ input, platform: 'browser', plugins: [besideModules] })
    // As deep as the sources, so that relative URLs in them stay right.
    const file = join(inRoot('js', 'dist', 'worker'), name)
    await bundled.write({ file, format: 'es' })
  }
}

if (isMain(import.meta.url)) await main(bundle)
