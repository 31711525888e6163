// Patience with a server: what is tried again, when, and how many connections it gets at once.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { HttpSource } from '../../js/src/source/http.js'
import { Lanes } from '../../js/src/source/lanes.js'
import { Attempts, patience, retryAfter, TryAgain } from '../../js/src/source/retry.js'
import { until } from './lib/models.js'
import { collect, pattern, rangeServer } from './lib/range-server.js'

const file = pattern(300_000)
const FIRST = 100_000
const { signal } = new AbortController()
const fast = { pauseMs: 1 }

async function readAll(server, retry = fast) {
  const source = new HttpSource(`${server.url}/m.gguf`, {}, undefined, retry)
  try {
    await source.open(FIRST, signal)
    return await collect(source.read(0, source.supportsRanges ? source.size : Infinity, signal))
  } finally {
    source.close()
    await server.close()
  }
}

test('Retry-After is seconds, or a date by the clock of the server', () => {
  const after = (value, date) =>
    retryAfter(new Headers({ 'retry-after': value, ...(date && { date }) }))
  assert.equal(after('7'), 7000)
  assert.equal(
    after('Mon, 05 Jan 2026 10:00:30 GMT', 'Mon, 05 Jan 2026 10:00:00 GMT'),
    30_000,
    'a clock that is wrong does no harm',
  )
  assert.equal(after('Mon, 05 Jan 2015 10:00:00 GMT'), 0)
  assert.equal(after('soon'), 0)
  assert.equal(retryAfter(new Headers()), 0)
})

test('pauses double, vary, honour the server and have a limit', async (t) => {
  const pauses = []
  t.mock.method(globalThis, 'setTimeout', (done, ms) => {
    pauses.push(ms)
    queueMicrotask(done)
  })
  const attempts = new Attempts(patience({ attempts: 6, pauseMs: 100, longestPauseMs: 5000 }))
  for (let i = 0; i < 3; i++) await attempts.next(new Error('dropped'), signal)
  await attempts.next(new TryAgain('busy', { status: 429, after: 3000 }), signal)
  await attempts.next(new TryAgain('busy', { status: 429, after: 3_600_000 }), signal)
  await assert.rejects(attempts.next(new Error('dropped'), signal), /dropped/)
  for (const [index, most] of [100, 200, 400].entries()) {
    assert.ok(pauses[index] >= most / 2 && pauses[index] <= most, String(pauses))
  }
  assert.deepEqual(pauses.slice(3), [3000, 5000])
})

test('a pause ends with an abort', async () => {
  const abort = new AbortController()
  const busy = new TryAgain('busy', { status: 429, after: 60_000 })
  const waiting = new Attempts(patience()).next(busy, abort.signal)
  abort.abort()
  await assert.rejects(waiting, { name: 'AbortError' })
})

test('attempts end; progress begins a new count, a few bytes do not', async () => {
  let requests = 0
  const count = () => ++requests
  const cut = await rangeServer(file, () => ({ truncate: count() === 1 ? 100 : 10 }))
  await assert.rejects(readAll(cut, { ...fast, attempts: 5 }), { code: 'io_error' })
  assert.equal(requests, 5)
  const slow = await rangeServer(file, () => ({ truncate: 70_000 }))
  assert.deepEqual(await readAll(slow, { ...fast, attempts: 2 }), file)
})

test('a server that stays busy is an error with its status', async () => {
  const server = await rangeServer(file, () => ({ status: 429 }))
  await assert.rejects(readAll(server), (error) => {
    assert.equal(error.code, 'io_error')
    assert.match(error.message, /HTTP 429/)
    return error.details.status === 429
  })
  assert.equal(server.requests.length, 4)
})

test('silence counts as a drop, in the body and before it', async () => {
  const stalls = await rangeServer(file, ({ count }) => (count === 1 ? { stall: true } : {}))
  assert.deepEqual(await readAll(stalls, { ...fast, stallMs: 100 }), file)
  let requests = 0
  const silent = createServer(() => requests++)
  await new Promise((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${silent.address().port}`
  const close = () => {
    silent.close()
    silent.closeAllConnections()
  }
  await assert.rejects(readAll({ url, close }, { ...fast, stallMs: 20 }), {
    code: 'io_error',
    message: /no answer for 0\.02 s/,
  })
  assert.equal(requests, 4)
})

test('offline, attempts wait for the network', async () => {
  const had = Object.getOwnPropertyDescriptor(globalThis, 'navigator')
  const events = new EventTarget()
  let listens = false
  const navigator = { onLine: true }
  Object.defineProperty(globalThis, 'navigator', { value: navigator, configurable: true })
  globalThis.addEventListener = (...args) => {
    listens = true
    events.addEventListener(...args)
  }
  globalThis.removeEventListener = (...args) => events.removeEventListener(...args)
  try {
    const server = await rangeServer(file, ({ count }) => {
      navigator.onLine = count > 1
      return count === 1 ? { truncate: 1000 } : {}
    })
    const reading = readAll(server, { attempts: 1 })
    await until(() => listens)
    assert.equal(server.requests.length, 1)
    navigator.onLine = true
    events.dispatchEvent(new Event('online'))
    assert.deepEqual(await reading, file)
  } finally {
    delete globalThis.addEventListener
    delete globalThis.removeEventListener
    if (had) Object.defineProperty(globalThis, 'navigator', had)
    else delete globalThis.navigator
  }
})

/** Feeds lanes with windows of so many bytes, as if they came in 300 ms each. */
function pump(t) {
  let now = 1000
  t.mock.method(performance, 'now', () => now)
  return (lanes, ...windows) => {
    for (const bytes of windows) {
      now += 300
      lanes.count(bytes)
    }
  }
}

async function queued(n) {
  const lanes = new Lanes()
  for (let i = 0; i < n; i++) lanes.enter(signal)
  await sleep(0)
  return lanes
}

test('connections are added while that makes it faster', async (t) => {
  const feed = pump(t)
  const grows = await queued(4)
  assert.equal(grows.active, 1)
  feed(grows, 100)
  assert.equal(grows.active, 2)
  feed(grows, 150, 200) // the first window after a start says nothing
  assert.equal(grows.active, 3)
  feed(grows, 250, 300)
  assert.equal(grows.active, 4)

  const same = await queued(4)
  feed(same, 100, 100, 105)
  assert.equal(same.active, 2)
  same.leave()
  assert.equal(same.active, 1, 'the second brought nothing')
  feed(same, 100, 500)
  assert.equal(same.active, 1)
})

test('an abort ends the wait for a turn', async () => {
  const lanes = new Lanes()
  const abort = new AbortController()
  await lanes.enter(abort.signal)
  const waiting = lanes.enter(abort.signal)
  abort.abort()
  await assert.rejects(waiting, { name: 'AbortError' })
  lanes.leave()
  await lanes.enter(signal)
})

test('a server that allows one connection gets one', async (t) => {
  const big = pattern(2_000_000)
  let running = 0
  const refused = []
  const server = createServer(async (request, response) => {
    response.on('close', () => running--)
    if (++running > 1) {
      refused.push(request.headers.range)
      return response.writeHead(503).end()
    }
    const [from, last] = request.headers.range.match(/\d+/g).map(Number)
    const body = big.subarray(from, last + 1)
    response.writeHead(206, {
      etag: '"1"',
      'content-range': `bytes ${from}-${from + body.length - 1}/${big.length}`,
      'content-length': body.length,
    })
    let at = 0
    for (; at + 20_000 < body.length; at += 20_000) {
      response.write(body.subarray(at, at + 20_000))
      await sleep(20)
    }
    response.end(body.subarray(at))
  })
  t.after(() => server.close())
  t.after(() => server.closeAllConnections())
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${server.address().port}/`
  const source = new HttpSource(url, {}, undefined, { ...fast, attempts: 3 })
  await source.open(1000, signal)
  const starts = [0, 500_000, 1_000_000, 1_500_000]
  const parts = await Promise.all(starts.map((at) => collect(source.read(at, 500_000, signal))))
  assert.ok(Buffer.concat(parts).equals(big))
  assert.ok(refused.length >= 1 && refused.length <= 2, String(refused))
})
