// `npm run bench`: speed under wasmtime, of the matrix kernels and of the default model.
//   npm run bench [-- kernels [format] | model [flags of `sotto bench`]]
import { build } from './build.mjs'
import { main } from './lib/main.mjs'
import { inRoot } from './lib/paths.mjs'
import { run } from './lib/proc.mjs'
import { say } from './lib/report.mjs'
import { installModel, wasmtime } from './setup/packages.mjs'
import { setup } from './setup.mjs'

const benches = {
  async kernels(args) {
    await build('wasi', { target: 'bench_kernels' })
    await run(wasmtime(), ['run', inRoot('build/wasi/bench_kernels.wasm'), ...args], { show: true })
  },
  async model(args) {
    await build('wasi', { target: 'sotto' })
    const { path } = await installModel()
    const command = ['run', `--dir=${inRoot('models')}`, inRoot('build/wasi/sotto.wasm'), 'bench']
    await run(wasmtime(), [...command, '-m', path, ...args], { show: true })
  },
}

await main(async () => {
  const [name, ...args] = process.argv.slice(2)
  const chosen = name ? [name] : Object.keys(benches)
  if (name && !benches[name]) throw new Error(`npm run bench -- ${Object.keys(benches).join('|')}`)
  await setup('cli')
  for (const bench of chosen) {
    say(`\n── ${bench}`)
    await benches[bench](args)
  }
})
