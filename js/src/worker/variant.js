// Which of the modules this host can run, and compiling it. The probes are the smallest
// modules that use one instruction of each feature.
import { SottoError } from '../errors.js'
import { VARIANTS } from '../tables.js'

/** @import { Variant } from '../types.js' */

/** @typedef {'simd128' | 'relaxed'} Instructions */
/** @typedef {Instructions | 'simd128-mt' | 'relaxed-mt'} ModuleName -mt: with threads */
/** @typedef {{ module: Instructions, variant: Variant }} Candidate */

const probe = (/** @type {number[]} */ code) =>
  WebAssembly.validate(
    // (module (func (result v128) …))
    new Uint8Array([
      ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      ...[1, 5, 1, 0x60, 0, 1, 0x7b],
      ...[3, 2, 1, 0],
      ...[10, code.length + 4, 1, code.length + 2, 0, ...code, 0x0b],
    ]),
  )

const splat = [0x41, 0, 0xfd, 0x0f] // i32.const 0, i8x16.splat
const hasSimd = () => probe(splat)
// i32x4.relaxed_dot_i8x16_i7x16_add_s
const hasRelaxedSimd = () => probe([...splat, ...splat, ...splat, 0xfd, 0x93, 0x02])

/**
 * What to run, best first. Each engine tests its kernels before it loads anything; where they fail
 * and the caller left the choice to us, the next one has its turn.
 * @param {Variant} variant the option
 * @returns {Candidate[]}
 */
export function candidates(variant) {
  if (typeof WebAssembly === 'undefined' || !hasSimd()) {
    throw new SottoError('unsupported_environment', 'This host has no WebAssembly SIMD')
  }
  const relaxed = hasRelaxedSimd()
  const wantsRelaxed = variant !== 'auto' && VARIANTS[variant] === 'relaxed'
  if (wantsRelaxed && !relaxed) {
    const text = 'variant: this host has no relaxed SIMD; use "auto" or "simd128"'
    throw new SottoError('unsupported_environment', text, { details: { field: 'variant' } })
  }
  if (wantsRelaxed) return [{ module: 'relaxed', variant }]
  if (variant !== 'auto') return [{ module: 'simd128', variant }]
  /** @type {Candidate[]} */
  const plain = [
    { module: 'simd128', variant: 'simd128' },
    { module: 'simd128', variant: 'scalar' },
  ]
  return relaxed ? [{ module: 'relaxed', variant: 'auto' }, ...plain] : plain
}

/**
 * Compiles while downloading where the server names the type rightly.
 * @param {string} url
 */
export async function compileFromUrl(url) {
  try {
    const response = await fetch(url, { credentials: 'same-origin' })
    if (!response.ok) throw new Error(`HTTP ${response.status}`)
    const type = response.headers.get('content-type') ?? ''
    if (type.startsWith('application/wasm')) {
      return await WebAssembly.compileStreaming(response)
    }
    return await WebAssembly.compile(await response.arrayBuffer())
  } catch (error) {
    throw moduleError(url, error)
  }
}

/**
 * @param {string} url of an ES module, whose contents bundlers need not see
 * @returns {Promise<any>}
 */
export async function importModule(url) {
  try {
    return await import(/* @vite-ignore */ /* webpackIgnore: true */ url)
  } catch (error) {
    throw moduleError(url, error)
  }
}

/**
 * @param {string} url
 * @param {unknown} error
 */
export function moduleError(url, error) {
  const text = error instanceof Error ? error.message : String(error)
  return new SottoError('worker_failed', `Cannot load the module ${url}: ${text}`, {
    cause: error,
    details: { url },
  })
}
