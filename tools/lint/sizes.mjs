// What people download before a model stays small: modules without their debug names, and the
// largest of the web's with its JavaScript, gzipped; and what comes on top where there is a GPU.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gpuBytes, sottoBytes } from '../../bench/sizes.mjs'
import { builtModules } from './opcodes.mjs'
import { bytesWithoutNames } from './wasm.mjs'

const LARGEST_MODULE = 1_000_000
const LARGEST_DOWNLOAD = 462_000
const LARGEST_GPU = 26_500

/** Products, not the tests: each with its size. */
export const moduleSizes = (root) =>
  builtModules(root)
    .filter((path) => !path.endsWith('_tests.wasm'))
    .map((path) => ({ path, bytes: bytesWithoutNames(readFileSync(join(root, path))) }))

export function checkSizes(root) {
  const modules = moduleSizes(root)
  const downloads = [
    ["a page's download", sottoBytes(), LARGEST_DOWNLOAD],
    ['what a GPU needs', gpuBytes(), LARGEST_GPU],
  ]
  const large = modules.filter(({ bytes }) => bytes > LARGEST_MODULE)
  const problems = large.map(
    ({ path, bytes }) => `${path}: ${bytes} bytes without names, at most ${LARGEST_MODULE}`,
  )
  for (const [what, bytes, most] of downloads) {
    if (bytes > most) problems.push(`${what}: ${bytes} bytes gzipped, at most ${most}`)
  }
  return problems
}
