// Engines with several threads: what they compute, how they end, and what happens where
// there can be no threads.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { loadModel } from 'sotto'
import { Threads } from '../../js/src/worker/threads.js'
import {
  endlessContext,
  firstToken,
  logitsDigest,
  prompt,
  tinyPath,
  until,
  withTiny,
} from './lib/models.js'

const dist = fileURLToPath(new URL('../../js/dist/', import.meta.url))
const endless = { prompt, max_tokens: -1, temperature: 0, ignore_eos: true }
let expected
let folder

before(async () => {
  expected = await withTiny(logitsDigest, { n_threads: 1 })
  folder = mkdtempSync(join(tmpdir(), 'modules-'))
})
after(() => rmSync(folder, { recursive: true }))

const digestAndInfo = (options) =>
  withTiny(async (engine) => ({ ...(await logitsDigest(engine)), ...engine.info }), options)

test('any number of threads computes the same', async () => {
  for (const variant of ['scalar', 'simd128', 'auto']) {
    for (const n_threads of [2, 3, 7]) {
      const result = await digestAndInfo({ variant, n_threads })
      assert.equal(result.digest, expected.digest)
      assert.equal(result.n_threads, n_threads)
      assert.equal(result.n_threads_reason, '')
    }
  }
})

test('by default there is one thread a processor, at most eight', async () => {
  const { n_threads, n_threads_reason } = await digestAndInfo({})
  assert.equal(n_threads, Math.min(availableParallelism(), 8))
  assert.equal(n_threads_reason, '')
  assert.equal((await digestAndInfo({ n_threads: 'auto' })).n_threads, n_threads)
})

test('numbers that cannot be are refused', async () => {
  for (const n_threads of [0, -1, 1.5, 65, '2', 'many', true]) {
    const invalid = { code: 'invalid_argument', details: { field: 'n_threads' } }
    await assert.rejects(loadModel(tinyPath(), { n_threads }), invalid)
  }
})

test('an abort is seen, and the engine goes on', async () => {
  await withTiny(
    async (engine) => {
      const abort = new AbortController()
      const running = engine.completions.create({ ...endless, signal: abort.signal })
      const aborted = assert.rejects(running, { name: 'AbortError' })
      await firstToken(engine)
      abort.abort()
      await aborted
      const reply = await engine.completions.create({ ...endless, max_tokens: 5 })
      assert.equal(reply.usage.completion_tokens, 5)
    },
    { n_threads: 3, ...endlessContext },
  )
})

const countThreads = () => readdirSync('/proc/self/task').length

test('disposing ends every thread, idle or at work', {
  skip: process.platform !== 'linux',
}, async () => {
  const before = countThreads()
  for (const busy of [false, true]) {
    const engine = await loadModel(tinyPath(), { n_threads: 5, ...endlessContext })
    assert.ok(countThreads() >= before + 5)
    const running = busy && engine.completions.create(endless)
    const rejected = running && assert.rejects(running, { code: 'disposed' })
    if (busy) await firstToken(engine)
    await engine.dispose()
    await rejected
    await until(() => countThreads() === before)
    assert.equal(countThreads(), before)
  }
})

test('threads that idle neither keep the process alive nor its processors busy', async () => {
  const script = `
    import { loadModel } from 'sotto'
    const engine = await loadModel(${JSON.stringify(tinyPath())}, { n_threads: 4 })
    await engine.completions.create({ prompt: 'a', max_tokens: 20, ignore_eos: true })
    let busy = Infinity
    for (let i = 0; i < 10 && busy > 100; i++) { // what was compiled late is done at some point
      const begin = process.cpuUsage()
      await new Promise((resolve) => setTimeout(resolve, 500))
      const { user, system } = process.cpuUsage(begin)
      busy = Math.round((user + system) / 1000)
    }
    console.log(busy)`
  const args = ['--input-type=module', '--eval', script]
  const options = { cwd: fileURLToPath(new URL('.', import.meta.url)), timeout: 20_000 }
  const { stdout } = await promisify(execFile)(process.execPath, args, options)
  assert.ok(Number(stdout) < 100, `${stdout} ms of processor time in 500 ms`)
})

test('without modules for threads there is one, and a reason', async () => {
  for (const name of ['simd128', 'relaxed'])
    cpSync(join(dist, `sotto-${name}.wasm`), join(folder, `sotto-${name}.wasm`))
  const wasmUrl = `${pathToFileURL(folder).href}/`
  const missing = await digestAndInfo({ n_threads: 2, wasmUrl })
  assert.deepEqual([missing.digest, missing.n_threads], [expected.digest, 1])
  assert.match(missing.n_threads_reason, /-mt\.wasm/)

  const file = await digestAndInfo({
    n_threads: 2,
    variant: 'simd128',
    wasmUrl: `${wasmUrl}sotto-simd128.wasm`,
  })
  assert.deepEqual([file.digest, file.n_threads], [expected.digest, 1])
  assert.match(file.n_threads_reason, /wasmUrl/)
})

test('where a thread does not start there is one, and a reason', async () => {
  const src = join(folder, 'sotto', 'src')
  cpSync(fileURLToPath(new URL('../../js/src/', import.meta.url)), src, { recursive: true })
  cpSync(dist, join(folder, 'sotto', 'dist'), { recursive: true })
  writeFileSync(join(folder, 'sotto', 'package.json'), '{ "type": "module" }')
  writeFileSync(join(src, 'worker', 'entry', 'thread-node.js'), "throw new Error('no luck today')")
  const workerUrl = pathToFileURL(join(src, 'worker', 'entry', 'engine-node.js'))
  const result = await digestAndInfo({ n_threads: 3, workerUrl })
  assert.deepEqual([result.digest, result.n_threads], [expected.digest, 1])
  assert.match(result.n_threads_reason, /no luck today/)
})

test('a message that cannot be sent to a thread ends the start at once', async () => {
  const port = {
    post(message) {
      if (message.memory) throw new TypeError('memory cannot be cloned')
    },
    listen() {},
    async terminate() {},
  }
  const threads = new Threads({ start: () => port }, 'simd128-mt')
  threads.prepare(1)
  const starting = new Promise(() => threads.makeWorker().postMessage({ memory: true }))
  const failed = { code: 'worker_failed', message: /memory cannot be cloned/ }
  await assert.rejects(threads.watch(starting), failed)
})

test('of a thread that fails while nobody waits yet, the first reason counts', async () => {
  let fail
  const port = {
    post() {},
    listen({ onFailure }) {
      fail = onFailure
    },
    async terminate() {},
  }
  const threads = new Threads({ start: () => port }, 'simd128-mt')
  threads.prepare(1)
  fail(new Error('no luck today'))
  fail(new Error('it ended with exit code 1'))
  const failed = { code: 'worker_failed', message: /no luck today/ }
  await assert.rejects(threads.watch(new Promise(() => {})), failed)
})
