// Programs and libraries of the system: where they are, and apt packages for those that are missing.
import { existsSync } from 'node:fs'
import { ask, run, which } from '../lib/proc.mjs'
import { step } from '../lib/report.mjs'

const llvm = '/usr/lib/llvm-19'
const llvmPrograms = ['clang', 'wasm-ld', 'llvm-ar', 'llvm-objdump']

/** The folder with clang 19 and its tools under their plain names, as Emscripten wants it. */
export const llvmBin = () =>
  llvmPrograms.every((name) => which(`${llvm}/bin/${name}`)) ? `${llvm}/bin` : undefined
