// The built modules hold no instruction whose result differs between engines. Of relaxed SIMD only
// the integer dot products and the swizzle are allowed, whose operands the kernels keep where all
// engines agree, and those only in modules that are not called simd128.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { filesUnder } from './source.mjs'
import { eachInstruction } from './wasm.mjs'

const firstRelaxed = 0x100
const names = [
  'i8x16.relaxed_swizzle',
  'i32x4.relaxed_trunc_f32x4_s',
  'i32x4.relaxed_trunc_f32x4_u',
  'i32x4.relaxed_trunc_f64x2_s_zero',
  'i32x4.relaxed_trunc_f64x2_u_zero',
  'f32x4.relaxed_madd',
  'f32x4.relaxed_nmadd',
  'f64x2.relaxed_madd',
  'f64x2.relaxed_nmadd',
  'i8x16.relaxed_laneselect',
  'i16x8.relaxed_laneselect',
  'i32x4.relaxed_laneselect',
  'i64x2.relaxed_laneselect',
  'f32x4.relaxed_min',
  'f32x4.relaxed_max',
  'f64x2.relaxed_min',
  'f64x2.relaxed_max',
  'i16x8.relaxed_q15mulr_s',
  'i16x8.relaxed_dot_i8x16_i7x16_s',
  'i32x4.relaxed_dot_i8x16_i7x16_add_s',
]
const isAllowed = (name) => name.includes('_dot_') || name === 'i8x16.relaxed_swizzle'

/** How often a module uses each relaxed instruction. */
export function relaxedOpcodes(bytes) {
  const counts = {}
  eachInstruction(bytes, (_, opcode, sub) => {
    if (opcode !== 0xfd || sub < firstRelaxed) return
    const name = names[sub - firstRelaxed] ?? `0xfd ${sub}`
    counts[name] = (counts[name] ?? 0) + 1
  })
  return counts
}

/** The modules that are built. */
export const builtModules = (root) =>
  ['build/web', 'build/wasi'].flatMap((folder) =>
    filesUnder(join(root, folder), '.', /^sotto.*\.wasm$/).map((path) => `${folder}/${path}`),
  )

export function checkOpcodes(root) {
  return builtModules(root).flatMap((path) => {
    const counts = Object.entries(relaxedOpcodes(readFileSync(join(root, path))))
    return counts
      .filter(([name]) => !isAllowed(name) || path.includes('simd128'))
      .map(([name, count]) => `${path}: ${count} × ${name}, which differs between engines`)
  })
}
