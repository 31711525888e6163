// The packages of the peers: bench/package-lock.json pins them, and they go to bench/node_modules.
// No script of theirs runs. Optional packages are binaries for other machines and graphics cards.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { readText, writeText } from '../tools/lib/files.mjs'
import { inRoot } from '../tools/lib/paths.mjs'
import { run } from '../tools/lib/proc.mjs'
import { step } from '../tools/lib/report.mjs'

const folder = inRoot('bench')
const stamp = inRoot('bench', 'node_modules', '.sotto-stamp')
const lockHash = () =>
  createHash('sha256')
    .update(readFileSync(inRoot('bench', 'package-lock.json')))
    .digest('hex')

export async function installPeers() {
  const wanted = lockHash()
  if (readText(stamp) === wanted) return
  await step('Peers (npm packages)', async (state) => {
    state.watch = inRoot('bench', 'node_modules')
    const quiet = ['--no-audit', '--no-fund', '--no-save']
    // Elsewhere the one binary that is pinned does not run, but wllama still does.
    const foreign = process.platform === 'linux' && process.arch === 'x64' ? [] : ['--force']
    const how = ['--ignore-scripts', '--omit=optional', ...foreign]
    await run('npm', ['install', ...quiet, ...how], { cwd: folder })
    if (lockHash() !== wanted) throw new Error('npm changed bench/package-lock.json')
    writeText(stamp, wanted)
  })
}
