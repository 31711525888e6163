// Builds CMake presets; CMakeLists.txt says what is built, this only calls it. And `site`,
// the chat page for any static host (site.mjs), with the web preset that it is made of.
//   node tools/build.mjs [--werror] [preset… | site]      (web if none is named)
import { parseArgs } from 'node:util'
import { isMain, main } from './lib/main.mjs'
import { run } from './lib/proc.mjs'
import { step } from './lib/report.mjs'
import { setup } from './setup.mjs'
import { buildSite } from './site.mjs'

/**
 * Configures and builds one preset, or one target of it; with `werror`, warnings are errors from
 * then on.
 */
export async function build(preset, { werror = false, target = 'all' } = {}) {
  await step(`Build ${preset}`, async (state) => {
    const strict = werror ? ['-DSOTTO_WERROR=ON'] : []
    await run('cmake', ['--preset', preset, ...strict])
    const onLine = (line) => {
      state.note = line
    }
    await run('cmake', ['--build', '--preset', preset, '--target', target], { onLine })
  })
}

if (isMain(import.meta.url)) {
  await main(async () => {
    const options = { werror: { type: 'boolean', default: false } }
    const { values, positionals } = parseArgs({ options, allowPositionals: true })
    const presets = positionals.length ? positionals : ['web']
    const purposes = { web: 'start', wasi: 'cli' }
    for (const preset of presets) {
      if (preset === 'site') {
        await setup('start')
        await build('web', values)
        await buildSite()
        continue
      }
      await setup(purposes[preset] ?? 'test')
      await build(preset, values)
    }
  })
}
