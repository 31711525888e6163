// Progress of long steps: one line each, alive while it runs, with time and size at its end.
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'

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

/** What takes two columns of a terminal, or may. */
const wide = new RegExp(
  '[' +
    '\\p{Script=Han}\\p{Script=Hangul}\\p{Script=Hiragana}\\p{Script=Katakana}' +
    '\\u3000-\\u303f\\uff01-\\uff60\\uffe0-\\uffe6\\p{Extended_Pictographic}' +
    ']',
  'u',
)

/**
 * As much of a line as leaves the terminal's last column free: what wraps cannot
 * be wiped out again.
 */
export function fit(line, columns) {
  const letters = [...stripVTControlCharacters(line).replace(/\p{Cc}/gu, ' ')]
  const widths = letters.map((letter) => (wide.test(letter) ? 2 : 1))
  const room = (columns || 80) - 1
  let left = room - widths.reduce((sum, width) => sum + width, 0)
  if (left >= 0) return letters.join('')
  while (left < 1 && widths.length) left += widths.pop() // one column for the ellipsis
  return `${letters.slice(0, widths.length).join('')}…`
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
  const draw = (text) => output.write(`\r\x1b[K${fit(`  … ${text}`, output.columns)}`)
  if (live) draw(title)
  else say(`  … ${title}`)
  const timer = setInterval(
    () => {
      if (live) draw(line())
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
