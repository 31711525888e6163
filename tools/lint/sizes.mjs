// What people download before a model stays small: modules without their debug names, and the
// largest of the web's with its JavaScript, gzipped.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { sottoBytes } from '../../bench/sizes.mjs'
import { builtModules } from './opcodes.mjs'
import { bytesWithoutNames } from './wasm.mjs'

const LARGEST_MODULE = 1_000_000
const LARGEST_DOWNLOAD = 420_000

/** Products, not the tests: each with its size. */
export const moduleSizes = (root) =>
  builtModules(root)
    .filter((path) => !path.endsWith('_tests.wasm'))
    .map((path) => ({ path, bytes: bytesWithoutNames(readFileSync(join(root, path))) }))

export function checkSizes(root) {
  const modules = moduleSizes(root)
  const download = sottoBytes()
  const large = modules.filter(({ bytes }) => bytes > LARGEST_MODULE)
  const problems = large.map(
    ({ path, bytes }) => `${path}: ${bytes} bytes without names, at most ${LARGEST_MODULE}`,
  )
  if (download > LARGEST_DOWNLOAD)
    problems.push(`a page's download: ${download} bytes gzipped, at most ${LARGEST_DOWNLOAD}`)
  return problems
}
