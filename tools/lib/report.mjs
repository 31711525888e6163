// Progress of long steps: one line each, alive while it runs, with time and size at its end.
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

let output = process.stdout

/** Sends progress to another stream: a command whose stdout is its result uses stderr. */
export const reportTo = (stream) => {
  output = stream
}
export const say = (line = '') => output.write(`${line}\n`)
export const seconds = (ms) => (ms < 100_000 ? `${(ms / 1000).toFixed(1)} s` : minutes(ms))
export const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`

function minutes(ms) {
  const s = Math.round(ms / 1000)
  return `${Math.floor(s / 60)} min ${String(s % 60).padStart(2, '0')} s`
}

/**
 * Runs `work` under a title. `work` may set `step.watch` to a file or folder that grows, or
 * `step.note` to a few words: both show up in the line.
 */
export async function step(title, work) {
  const state = { watch: undefined, note: '' }
  const live = output.isTTY
  const begin = Date.now()
  const line = () => {
    const size = state.watch ? sizeOf(state.watch) : 0
    const facts = [seconds(Date.now() - begin), size && megabytes(size), state.note.slice(0, 50)]
    return `${title}  ${facts.filter(Boolean).join(', ')}`
  }
  if (live) output.write(`  … ${title}`)
  else say(`  … ${title}`)
  const timer = setInterval(
    () => {
      if (live) output.write(`\r\x1b[K  … ${line()}`)
      else say(`  … ${line()}`)
    },
    live ? 500 : 15_000,
  )
  try {
    const result = await work(state)
    state.note = ''
    say(`${live ? '\r\x1b[K' : ''}  ✓ ${line()}`)
    return result
  } catch (error) {
    say(`${live ? '\r\x1b[K' : ''}  ✗ ${line()}`)
    throw error
  } finally {
    clearInterval(timer)
  }
}

/** Bytes in a file or a folder; 0 where there is nothing (yet). */
export function sizeOf(path) {
  try {
    const stat = statSync(path)
    if (!stat.isDirectory()) return stat.size
    return readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0)
  } catch {
    return 0
  }
}
