// Lint: our own checks of the sources, then the formatters, Biome and tsc. The check of the built
// modules is apart, because it needs them.
//   node tools/lint.mjs
import { formatC, runBiome } from './format.mjs'
import { isMain, main } from './lib/main.mjs'
import { inRoot, root } from './lib/paths.mjs'
import { run } from './lib/proc.mjs'
import { say, step } from './lib/report.mjs'
import { checkBanned } from './lint/banned.mjs'
import { checkColumns } from './lint/columns.mjs'
import { checkIncludes } from './lint/includes.mjs'
import { checkJsTables } from './lint/js-tables.mjs'
import { checkLimits } from './lint/limits.mjs'
import { checkOpcodes } from './lint/opcodes.mjs'
import { checkSizes, moduleSizes } from './lint/sizes.mjs'
import { checkTables } from './lint/tables.mjs'
import { setup } from './setup.mjs'

const checks = {
  'include directions': () => report(checkIncludes(root)),
  'banned calls': () => report(checkBanned(root)),
  'file lengths': () => report(checkLimits(root)),
  'line lengths': () => report(checkColumns(root)),
  "README's tables": () => report(checkTables(root)),
  "JavaScript's tables": () => report(checkJsTables(root)),
  'clang-format': () => formatC({ check: true }),
  biome: () => runBiome({ check: true }),
  'kernels for GPUs': checkKernels,
  types: () => run(inRoot('node_modules', '.bin', 'tsc'), ['-p', '.']),
}

/** Naga has no subgroups: those variants are Tint's alone. */
async function checkKernels() {
  const { checkWgsl } = await import('./lint/wgsl.mjs')
  const { wgslVariants } = await import('./lint/wgsl-variants.mjs')
  const { problems, unchecked } = await checkWgsl(wgslVariants())
  report([...problems, ...unchecked.filter((line) => !/ subgroup .*lacks subgroups/.test(line))])
}

function report(problems) {
  if (problems.length) throw new Error(problems.join('\n'))
}

/**
 * Fails on instructions whose result differs between engines, and on size, in the
 * modules that are built.
 */
export async function lintModules() {
  for (const { path, bytes } of moduleSizes(root)) say(`  ${path}: ${bytes} bytes without names`)
  await step('sizes', () => report(checkSizes(root)))
  await step('relaxed opcodes', () => report(checkOpcodes(root)))
}

/** Runs every check of the sources, shows all that fail, and throws if one did. */
export async function lint() {
  const failed = []
  for (const [name, check] of Object.entries(checks)) {
    try {
      await step(name, check)
    } catch (error) {
      say(error.message)
      failed.push(name)
    }
  }
  if (failed.length) throw new Error(`lint failed: ${failed.join(', ')}`)
}

if (isMain(import.meta.url)) {
  await main(async () => {
    await setup('test')
    await lint()
    await lintModules()
  })
}
