// Nothing half-written: work happens in a temporary folder beside its goal and is renamed at the
// end. One set-up at a time: a lock file with the owner's process id.
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { say } from './report.mjs'

/** True where `makeFolder` finished with the same stamp: the same versions at the same place. */
export const isMade = (goal, stamp) => readText(join(goal, 'stamp')) === stampOf(goal, stamp)
const stampOf = (goal, stamp) => `${stamp}\n${goal}\n`

/** Calls `fill(folder)` with a new folder, which becomes `goal` if `fill` succeeds. */
export async function makeFolder(goal, stamp, fill) {
  mkdirSync(dirname(goal), { recursive: true })
  const temporary = mkdtempSync(join(dirname(goal), `.${basename(goal)}-`))
  try {
    await fill(temporary)
    writeFileSync(join(temporary, 'stamp'), stampOf(goal, stamp))
    chmodSync(temporary, 0o755)
    rmSync(goal, { recursive: true, force: true })
    renameSync(temporary, goal)
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
}

/** Removes what an interrupted `makeFolder` left. Only for the holder of the lock. */
export function clearLeftovers(parent) {
  mkdirSync(parent, { recursive: true })
  const leftovers = readdirSync(parent).filter((name) => /^\..*-\w{6}$/.test(name))
  for (const name of leftovers) rmSync(join(parent, name), { recursive: true, force: true })
}

export const readText = (path) => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

/** Writes a whole file or nothing. */
export function writeText(path, text) {
  mkdirSync(dirname(path), { recursive: true })
  const temporary = `${path}.${process.pid}.tmp`
  writeFileSync(temporary, text)
  renameSync(temporary, path)
}

/** Runs `work` while holding the lock file; waits for another process that holds it. */
export async function withLock(path, work) {
  mkdirSync(dirname(path), { recursive: true })
  for (let told = false; !take(path); ) {
    const owner = Number(readText(path))
    if (owner && !isAlive(owner)) {
      rmSync(path, { force: true })
      continue
    }
    if (!told) say(`  waiting for another set-up (process ${owner}; lock: ${path})`)
    told = true
    await sleep(500)
  }
  const release = () => rmSync(path, { force: true })
  const interrupted = () => process.exit(130)
  process.once('exit', release)
  process.once('SIGINT', interrupted)
  process.once('SIGTERM', interrupted)
  try {
    return await work()
  } finally {
    process.off('exit', release)
    process.off('SIGINT', interrupted)
    process.off('SIGTERM', interrupted)
    release()
  }
}

function take(path) {
  try {
    writeFileSync(path, String(process.pid), { flag: 'wx' })
    return true
  } catch (error) {
    if (error.code === 'EEXIST') return false
    throw error
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}
