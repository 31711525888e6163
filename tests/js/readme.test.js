// The README's service: the code in the README is the file in examples/, and it runs.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { CACHE_TYPES, VARIANTS } from '../../js/src/tables.js'
import { realPath } from './lib/models.js'

const js = new URL('../../js/', import.meta.url)
const file = fileURLToPath(new URL('examples/service.mjs', js))
const example = readFileSync(file, 'utf8')

/** Preloaded, so that a signal ends the engine's worker. */
const mortal = `data:text/javascript,${encodeURIComponent(`
  import { syncBuiltinESMExports } from 'node:module'
  import threads from 'node:worker_threads'
  const { Worker } = threads
  threads.Worker = class extends Worker {
    constructor(...args) {
      super(...args)
      process.on('SIGUSR2', () => this.terminate())
    }
  }
  syncBuiltinESMExports()
`)}`

let service
let url

before(async () => {
  const port = await freePort()
  url = `http://127.0.0.1:${port}/chat`
  const env = { ...process.env, MODEL: realPath, PORT: String(port) }
  service = spawn(process.execPath, ['--import', mortal, file], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [ready] = await once(service.stdout, 'data')
  assert.equal(String(ready), 'ready\n')
})
after(() => service?.kill())

async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address()
  await new Promise((resolve) => probe.close(resolve))
  return port
}

const ask = (body, init = {}) => fetch(url, { method: 'POST', body: JSON.stringify(body), ...init })
const question = (content) => ({ messages: [{ role: 'user', content }] })

test('the README shows the example as it is, and it is short', () => {
  assert.ok(readFileSync(new URL('README.md', js), 'utf8').includes(example))
  assert.ok(example.trimEnd().split('\n').length <= 30)
})

test('the README names every variant and every type of KV cache', () => {
  const rows = readFileSync(new URL('README.md', js), 'utf8').split('\n')
  const row = (name) => rows.find((line) => line.startsWith(`| \`${name}\``))
  for (const name of Object.keys(VARIANTS)) assert.ok(row('variant').includes(`\`${name}\``), name)
  for (const name of CACHE_TYPES) assert.ok(row('cache_type_k').includes(`\`${name}\``), name)
})

test('it answers, two at a time', async () => {
  const answers = await Promise.all(
    ['What is the capital of France?', 'What is the capital of Italy?'].map(async (text) =>
      (await ask(question(`${text} Answer with one word.`))).text(),
    ),
  )
  for (const answer of answers) assert.match(answer, /\w/)
})

test('it goes on after a bad request and after a client that leaves', async () => {
  assert.equal((await fetch(url)).status, 404)
  assert.equal((await ask('nonsense')).status, 400)
  const refused = await ask({ messages: [] })
  assert.equal(refused.status, 400)
  assert.equal((await refused.json()).error.code, 'invalid_argument')

  const abort = new AbortController()
  const { body } = await ask(question('Tell me a long story.'), { signal: abort.signal })
  const reader = body.getReader()
  await reader.read()
  abort.abort()
  await reader.read().catch(() => {})
  assert.match(await (await ask(question('Say hello.'))).text(), /\S/)
})

test('when the engine is gone, that is the fault of the service', async () => {
  service.kill('SIGUSR2')
  const refused = await ask(question('Say hello.'))
  assert.equal(refused.status, 500)
  assert.equal((await refused.json()).error.code, 'worker_failed')
})
