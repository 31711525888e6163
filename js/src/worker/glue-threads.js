// The modules with threads; the engine's worker and each of its threads run the same code.
import createRelaxed from '../../dist/sotto-relaxed-mt.mjs'
import createSimd128 from '../../dist/sotto-simd128-mt.mjs'

/** @type {Record<string, typeof createRelaxed>} */
export const threaded = { 'relaxed-mt': createRelaxed, 'simd128-mt': createSimd128 }

/**
 * The first message to a thread says which module's it is; Emscripten's code takes over from there
 * and knows a thread by its worker's name.
 * @param {{ module: string }} message
 */
export function becomeThread({ module }) {
  Object.defineProperty(globalThis, 'name', { value: 'em-pthread', configurable: true })
  threaded[module]()
}
