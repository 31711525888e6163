// Which of the two modules this engine can run, and compiling it. The probes are the smallest
// modules that use one instruction of each feature.
import { SottoError } from '../errors.js'

/** @typedef {'simd128' | 'relaxed'} ModuleName */

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
 * @param {string} variant the option: auto, scalar, simd128, relaxed
 * @returns {ModuleName}
 */
export function pickModule(variant) {
  if (typeof WebAssembly === 'undefined' || !hasSimd()) {
    throw new SottoError('unsupported_environment', 'This engine has no WebAssembly SIMD')
  }
  if (variant === 'auto') return hasRelaxedSimd() ? 'relaxed' : 'simd128'
  if (variant !== 'relaxed') return 'simd128'
  if (hasRelaxedSimd()) return 'relaxed'
  throw new SottoError(
    'unsupported_environment',
    'variant: this engine has no relaxed SIMD; use "auto" or "simd128"',
    { details: { field: 'variant' } },
  )
}

/**
 * Where a module is: wasmUrl may name the file itself, or a folder (ending in "/") with both.
 * @param {ModuleName} name
 * @param {string | undefined} wasmUrl
 * @param {Record<ModuleName, URL>} own the files of this package
 */
export function moduleUrl(name, wasmUrl, own) {
  if (!wasmUrl) return own[name].href
  return wasmUrl.endsWith('/') ? `${wasmUrl}sotto-${name}.wasm` : wasmUrl
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
