// Speed of single kernels under wasmtime: `npm run bench -- kernels [format]`.
import { build } from '../tools/build.mjs'
import { inRoot } from '../tools/lib/paths.mjs'
import { run } from '../tools/lib/proc.mjs'
import { wasmtime } from '../tools/setup/packages.mjs'
import { setup } from '../tools/setup.mjs'

export async function benchKernels(args) {
  await setup('cli')
  await build('wasi', { target: 'bench_kernels' })
  await run(wasmtime(), ['run', inRoot('build/wasi/bench_kernels.wasm'), ...args], { show: true })
}
