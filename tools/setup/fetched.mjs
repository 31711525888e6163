// Files that are made of a package fetched for them alone, into a folder that is gone afterwards.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { modelCache } from '../lib/paths.mjs'
import { step } from '../lib/report.mjs'

/** One step: `make(folder)` fetches into the folder and leaves its files elsewhere. */
export function makeOfFetched(title, make) {
  mkdirSync(modelCache, { recursive: true })
  return step(title, async (state) => {
    const folder = mkdtempSync(join(modelCache, '.fetch-'))
    state.watch = folder
    try {
      await make(folder)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
}
