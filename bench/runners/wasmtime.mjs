// The WASI command under wasmtime, compiled beforehand: one process for each request, one thread.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { inRoot } from '../../tools/lib/paths.mjs'
import { run } from '../../tools/lib/proc.mjs'
import { wasmtime } from '../../tools/setup/packages.mjs'
import { residentBytes } from '../processes.mjs'

const source = inRoot('build', 'wasi', 'sotto.wasm')

export class Wasmtime {
  #folder = mkdtempSync(join(tmpdir(), 'sotto-bench-'))
  #module = join(this.#folder, 'sotto.cwasm')
  #model = ''
  #options = []
  #peak = 0

  static async open() {
    if (!existsSync(source)) throw new Error(`no ${source}: node tools/build.mjs wasi`)
    const runner = new Wasmtime()
    await run(wasmtime(), ['compile', source, '-o', runner.#module])
    return runner
  }

  async call(method, argument) {
    if (method === 'load') return this.#load(argument)
    if (method === 'generate') return this.#generate(argument)
    return {}
  }

  /** Nothing stays loaded: a run with one token says how long it takes. */
  async #load({ source: model, n_ctx }) {
    this.#model = model
    // Prompt lookup is measured on its own: here every token costs a pass.
    const plain = ['--ignore-eos', '--no-prompt-lookup']
    this.#options = ['-c', String(n_ctx), '--temp', '0', ...plain, '--json']
    const { timings, variant } = await this.#run(' a', 1)
    return { ms: timings.load_ms, threads: 1, variant }
  }

  async #generate({ text, n }) {
    const begin = performance.now()
    const { timings } = await this.#run(text, n + 1)
    const wall_ms = performance.now() - begin - timings.load_ms
    const { prompt_n, cache_n, prompt_ms, predicted_n, predicted_ms } = timings
    const decode = { decode_n: predicted_n - 1, decode_ms: predicted_ms }
    return { wall_ms, prompt_n, cache_n, prompt_ms, ...decode }
  }

  async #run(text, tokens) {
    writeFileSync(join(this.#folder, 'prompt.txt'), text)
    const folders = [this.#folder, dirname(this.#model)].map((folder) => `--dir=${folder}`)
    const prompt = ['--raw', '-f', join(this.#folder, 'prompt.txt'), '-n', String(tokens)]
    const command = ['run', '-m', this.#model, ...prompt, ...this.#options]
    return JSON.parse(
      await this.#spawn(['run', '--allow-precompiled', ...folders, this.#module, ...command]),
    )
  }

  #spawn(args) {
    return new Promise((resolve, reject) => {
      const child = spawn(wasmtime(), args, { stdio: ['ignore', 'pipe', 'inherit'] })
      const look = () => {
        this.#peak = Math.max(this.#peak, residentBytes(child.pid).peak)
      }
      // A process that has ended says nothing any more, and with a small model that is soon.
      let timer
      const keepLooking = (ms) => {
        look()
        timer = setTimeout(keepLooking, ms, Math.min(2 * ms, 50))
      }
      keepLooking(2)
      let output = ''
      child.stdout.setEncoding('utf8').on('data', (data) => {
        look()
        output += data
      })
      const end = () => clearTimeout(timer)
      child.on('error', (error) => {
        end()
        reject(error)
      })
      child.on('close', (code) => {
        end()
        if (code === 0) resolve(output)
        else reject(new Error(`wasmtime ended with ${code}\n${output}`))
      })
    })
  }

  pids() {
    return []
  }

  /** Peak of a whole process, with the runtime: wasmtime has none without a model. */
  resident() {
    return { peak: this.#peak, baseline: 0 }
  }

  static moduleBytes = () => statSync(source).size

  async close() {
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
