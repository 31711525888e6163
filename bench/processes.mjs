// What Linux knows about processes: their peak memory, their children, and how busy the machine is.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'

const read = (path) => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** Peak and present resident bytes of a process; 0 where it is gone or the system is not Linux. */
export function residentBytes(pid) {
  const status = read(`/proc/${pid}/status`)
  const field = (name) => 1024 * Number(status.match(`${name}:\\s*(\\d+) kB`)?.[1] ?? 0)
  return { peak: field('VmHWM'), now: field('VmRSS') }
}

/** Peak memory counts from now on. */
export function resetPeak(pid) {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5')
  } catch {}
}

/** Processes whose command line contains a text, with it. */
export function processesWith(text) {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => ({ pid: Number(pid), command: read(`/proc/${pid}/cmdline`) }))
    .filter(({ command }) => command.includes(text))
}

/** Times are ticks of 10 ms; those of children that have ended belong to their parent. */
const stat = (pid) => {
  const fields = read(`/proc/${pid}/stat`).split(') ').at(-1).split(' ').map(Number)
  const [, parent] = fields
  const ticks = fields.slice(11, 15).reduce((sum, n) => sum + n, 0)
  return { parent, ticks: ticks || 0 }
}

/** A process and everything below it. */
export function processTree(pid) {
  const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  const parents = new Map(all.map((name) => [Number(name), stat(name).parent]))
  const tree = new Set([pid])
  for (let size = 0; size !== tree.size; ) {
    size = tree.size
    for (const [child, parent] of parents) if (tree.has(parent)) tree.add(child)
  }
  return [...tree]
}

/**
 * CPU time of the machine, in ticks: of all kinds, of doing nothing, and of this process's family.
 */
export function cpuTime() {
  const [line] = read('/proc/stat').split('\n')
  const ticks = line.split(/\s+/).slice(1, 9).map(Number)
  const [, , , idle, iowait] = ticks
  const family = processTree(process.pid).reduce((sum, pid) => sum + stat(pid).ticks, 0)
  return { total: ticks.reduce((sum, n) => sum + n, 0), idle: idle + iowait, family }
}

/** Share of the machine that others took between two results of `cpuTime`. */
export function othersShare(before, after) {
  const [total, idle, family] = ['total', 'idle', 'family'].map((key) => after[key] - before[key])
  return total > 0 ? Math.max(0, 1 - (idle + family) / total) : 0
}
