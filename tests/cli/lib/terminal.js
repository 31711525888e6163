// A command on a terminal of its own, by util-linux's script.
import { spawn, spawnSync } from 'node:child_process'
import { root } from '../command.js'

export const haveScript = spawnSync('script', ['--version']).status === 0

const quoted = (word) => `'${word.replaceAll("'", "'\\''")}'`

export class Terminal {
  output = ''
  #seen = 0
  #heard = () => {}

  /**
   * @param {string[]} words
   * @param {{ columns?: number, env?: Record<string, string> }} [options]
   */
  constructor(words, { columns = 80, env = {} } = {}) {
    const line = `stty cols ${columns}; exec ${words.map(quoted).join(' ')}`
    this.child = spawn('script', ['-qec', line, '/dev/null'], {
      cwd: root,
      env: { ...process.env, ...env },
    })
    this.child.stdout.setEncoding('utf8').on('data', (text) => {
      this.output += text
      this.#heard()
    })
    this.child.stdin.on('error', () => {})
    this.ended = new Promise((done) => this.child.on('close', done)).then((code) => {
      this.over = true
      this.#heard()
      return code
    })
  }

  send(text) {
    this.child.stdin.write(text)
  }

  /** Waits for text behind what was waited for before. */
  async until(text) {
    for (;;) {
      const at = this.output.indexOf(text, this.#seen)
      if (at >= 0) {
        this.#seen = at + text.length
        return
      }
      if (this.over)
        throw new Error(`ended without ${JSON.stringify(text)}: ${this.output.slice(-500)}`)
      await new Promise((resolve) => {
        this.#heard = resolve
      })
    }
  }
}

/** Columns that a terminal needs for a line, which may hold wide letters of Japanese. */
export const columnsOf = (line) => [...line].reduce((sum, c) => sum + (c >= '\u3000' ? 2 : 1), 0)
