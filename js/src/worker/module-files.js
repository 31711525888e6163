// Where the compiled modules are: beside the package's sources, or where the caller says.
// The path is written so that it holds here and in js/dist/worker, where the build puts the
// workers in one file each.

/** @import { ModuleName } from './variant.js' */

/** @type {Record<ModuleName, URL>} */
const own = {
  simd128: new URL('../../dist/sotto-simd128.wasm', import.meta.url),
  relaxed: new URL('../../dist/sotto-relaxed.wasm', import.meta.url),
  'simd128-mt': new URL('../../dist/sotto-simd128-mt.wasm', import.meta.url),
  'relaxed-mt': new URL('../../dist/sotto-relaxed-mt.wasm', import.meta.url),
}

const scripts = {
  'gpu.js': new URL('../../dist/gpu.js', import.meta.url),
  'kernels.js': new URL('../../dist/kernels.js', import.meta.url),
}

/**
 * What there is for GPUs lies beside the modules: in browsers the code, and the kernels.
 * @param {keyof typeof scripts} name
 * @param {string | undefined} wasmUrl
 */
export const besideModules = (name, wasmUrl) =>
  wasmUrl?.endsWith('/') ? wasmUrl + name : scripts[name].href

/**
 * @param {ModuleName} name
 * @param {string | undefined} wasmUrl the file itself, or a folder (ending in "/")
 *   that has them all
 */
export function moduleUrl(name, wasmUrl) {
  if (!wasmUrl) return own[name].href
  return wasmUrl.endsWith('/') ? `${wasmUrl}sotto-${name}.wasm` : wasmUrl
}
