// An engine in a process of its own under a given Node.js.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { resetPeak, residentBytes } from '../processes.mjs'

const childFile = fileURLToPath(new URL('../engines/child.mjs', import.meta.url))

export class Child {
  #child
  #calls = new Map()
  #next = 1
  #baseline = 0

  /** @param {string} engine file in engines/ @param {string} node the program */
  static async open(engine, node = process.execPath) {
    const child = new Child()
    child.#child = fork(childFile, [new URL(`../engines/${engine}`, import.meta.url).href], {
      execPath: node,
      execArgv: [],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    child.#child.on('message', (message) => child.#settle(message))
    child.#child.on('exit', (code, signal) => child.#fail(`the engine ended: ${signal ?? code}`))
    const kill = () => child.#child.kill('SIGKILL')
    process.on('exit', kill)
    child.#child.on('exit', () => process.off('exit', kill))
    await child.#wait(0)
    resetPeak(child.#child.pid)
    child.#baseline = residentBytes(child.#child.pid).now
    return child
  }

  #wait(id) {
    return new Promise((resolve, reject) => this.#calls.set(id, { resolve, reject }))
  }

  #settle({ id = 0, value, error }) {
    const call = this.#calls.get(id)
    this.#calls.delete(id)
    if (error) call?.reject(new Error(error))
    else call?.resolve(value)
  }

  #fail(text) {
    for (const { reject } of this.#calls.values()) reject(new Error(text))
    this.#calls.clear()
  }

  call(method, argument) {
    const id = this.#next++
    this.#child.send({ id, method, argument })
    return this.#wait(id)
  }

  pids() {
    return [this.#child.pid]
  }

  /** Peak resident bytes, and those before there was a model. */
  resident() {
    return { peak: residentBytes(this.#child.pid).peak, baseline: this.#baseline }
  }

  async close() {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await ended
  }
}
