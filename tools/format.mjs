// Formatters: clang-format for C, Biome for JavaScript, JSON and CSS, and the tables in README and
// in JavaScript that are made of the core's. `npm run format` rewrites; the lint only checks.
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isMain, main } from './lib/main.mjs'
import { inRoot, root } from './lib/paths.mjs'
import { run } from './lib/proc.mjs'
import { step } from './lib/report.mjs'
import { JS_TABLES, jsTables } from './lint/js-tables.mjs'
import { readmeWithTables } from './lint/tables.mjs'
import { clangFormat } from './setup/system.mjs'
import { setup } from './setup.mjs'

/** Every C file of ours, generated ones aside. */
export function cFiles() {
  const folders = ['src', 'wasi', 'tests', 'cmake']
  const names = folders.flatMap((folder) => {
    try {
      return readdirSync(inRoot(folder), { recursive: true }).map((name) => join(folder, name))
    } catch {
      return []
    }
  })
  return names.filter((name) => /\.[ch]$/.test(name)).sort()
}

export async function formatC({ check }) {
  const files = cFiles()
  if (!files.length) return
  if (!check) return run(clangFormat(), ['-i', ...files])
  await run(clangFormat(), ['--dry-run', '--Werror', ...files]).catch(({ output }) => {
    const wrong = new Set(output.match(/^[^\s:]+(?=:\d+:\d+: error)/gm))
    throw new Error(`npm run format would change:\n  ${[...wrong].join('\n  ') || output}`)
  })
}

/** Biome's program itself, without its launcher package: that wants every platform in the lock. */
const biome = inRoot('node_modules', '@biomejs', `cli-linux-${process.arch}`, 'biome')
const quiet = ['--no-errors-on-unmatched', '--colors=off']

/** Formatting, and in check mode the linter too. */
export const runBiome = ({ check }) =>
  check ? run(biome, ['ci', ...quiet]) : run(biome, ['check', '--write', ...quiet])

if (isMain(import.meta.url)) {
  await main(async () => {
    await setup('test')
    await step("README's tables", () => writeFileSync(inRoot('README.md'), readmeWithTables(root)))
    await step("JavaScript's tables", () => writeFileSync(inRoot(JS_TABLES), jsTables(root)))
    await step('clang-format', () => formatC({ check: false }))
    await step('biome', () => runBiome({ check: false }))
  })
}
