// Other processes on the machine: how much they took while something was measured, and waiting
// until they are done.
import { setTimeout as sleep } from 'node:timers/promises'
import { cpuTime, othersShare } from './processes.mjs'

/** Shares of the machine: up to here it counts as quiet, and a sample as undisturbed. */
const QUIET = 0.05
export const DISTURBED = 0.1
const TRIES = 5
const LONGEST_WAIT_MS = 120_000

/**
 * Does the work and says what share of the machine others took meanwhile. With `patient`, it waits
 * for a quiet moment before, and does disturbed work again.
 */
export async function undisturbed({ patient, note }, work) {
  for (let tries = 1; ; tries++) {
    if (patient) await quietMoment()
    const before = cpuTime()
    const value = await work()
    const others = othersShare(before, cpuTime())
    if (!patient || others <= DISTURBED || tries === TRIES) return { value, others }
    note(`  disturbed (others took ${Math.round(100 * others)} %), again`)
  }
}

async function quietMoment() {
  const end = performance.now() + LONGEST_WAIT_MS
  for (let before = cpuTime(); performance.now() < end; before = cpuTime()) {
    await sleep(500)
    if (othersShare(before, cpuTime()) <= QUIET) return
  }
}
