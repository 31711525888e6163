// Child processes: run one and wait, look for one on PATH.
import { spawn, spawnSync } from 'node:child_process'
import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { root } from './paths.mjs'

/** A command that ended with something else than 0. `output` is what it printed, if captured. */
export class CommandError extends Error {
  constructor(command, code, output) {
    const lines = output.trim().split('\n')
    if (lines.length > 60) lines.splice(30, lines.length - 60, '  …')
    super([`${command} ended with ${code}`, ...lines].join('\n').trimEnd())
    this.name = 'CommandError'
    this.output = output
  }
}

/**
 * Runs a command to its end and resolves with what it printed. Its output is captured, and shown
 * only in the error; `onLine` hears its latest line. With `show` it goes straight to the terminal.
 */
export function run(command, args, { cwd = root, env = {}, show = false, onLine } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: show ? ['ignore', 'inherit', 'inherit'] : ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    const collect = (data) => {
      output += data
      onLine?.(data.trimEnd().split('\n').at(-1))
    }
    child.stdout?.setEncoding('utf8').on('data', collect)
    child.stderr?.setEncoding('utf8').on('data', collect)
    child.on('error', (error) => reject(new CommandError(command, error.message, output)))
    child.on('close', (code, signal) => {
      if (code === 0) resolve(output)
      else reject(new CommandError([command, ...args].join(' '), signal ?? code, output))
    })
  })
}

/** What a short command prints, or '' if it cannot run or fails. */
export function ask(command, args, options = {}) {
  const result = spawnSync(command, args, { encoding: 'utf8', cwd: root, ...options })
  return result.status === 0 ? result.stdout : ''
}

/** The full path of a program: a path is checked, a name is looked up on PATH and in `more`. */
export function which(name, more = []) {
  if (!name) return undefined
  if (name.includes('/')) return isProgram(name) ? name : undefined
  const folders = [...(process.env.PATH ?? '').split(delimiter).filter(Boolean), ...more]
  return folders.map((folder) => join(folder, name)).find(isProgram)
}

function isProgram(path) {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}
