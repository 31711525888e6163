// Reading a URL: ranges where the server has them, the plain stream where not, and every way in
// which a server can get it wrong.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SottoError } from '../../js/src/errors.js'
import { HttpSource } from '../../js/src/source/http.js'
import { collect, pattern, rangeServer } from './lib/range-server.js'

const file = pattern(300_000)
const FIRST = 100_000
const reading = (url, init, retry) => new HttpSource(url, init, undefined, { pauseMs: 1, ...retry })

async function withServer(fault, work, body = file) {
  const server = await rangeServer(body, fault)
  try {
    const abort = new AbortController()
    return await work(reading(`${server.url}/model.gguf`), abort.signal, server, abort)
  } finally {
    await server.close()
  }
}

const openAndRead = (fault, body) =>
  withServer(
    fault,
    async (source, signal, server) => {
      await source.open(FIRST, signal)
      const length = source.supportsRanges ? source.size : Infinity
      const bytes = await collect(source.read(0, length, signal))
      return { source, bytes, requests: server.requests }
    },
    body,
  )

const isIoError = (text) => (error) => {
  assert.ok(error instanceof SottoError, String(error))
  assert.equal(error.code, 'io_error')
  assert.match(error.message, text)
  return true
}

test('ranges: any stretch, and the first request serves the first read', async () => {
  await withServer(undefined, async (source, signal, server) => {
    await source.open(FIRST, signal)
    assert.equal(source.supportsRanges, true)
    assert.equal(source.size, file.length)
    const cases = [
      [0, FIRST],
      [0, 10],
      [299_999, 1],
      [12_345, 200_000],
      [250_000, 100_000],
    ]
    for (const [offset, length] of cases) {
      const bytes = await collect(source.read(offset, length, signal))
      assert.deepEqual(bytes, file.slice(offset, offset + length))
    }
    assert.equal(server.requests.length, cases.length)
  })
})

test('a server without ranges is read as a stream, by one request', async () => {
  const { source, bytes, requests } = await openAndRead(() => ({ ranges: false }))
  assert.equal(source.supportsRanges, false)
  assert.equal(source.size, file.length)
  assert.deepEqual(bytes, file)
  assert.equal(requests.length, 1)
})

test('a stream of unknown length', async () => {
  const { source, bytes } = await openAndRead(() => ({ ranges: false, size: false }))
  assert.equal(source.size, undefined)
  assert.deepEqual(bytes, file)
})

for (const [name, contentRange] of [
  ['of another place', 'bytes 5-100004/300000'],
  ['without a size', 'bytes 0-99999/*'],
  ['that is nonsense', 'pages 1-2'],
]) {
  test(`a first Content-Range ${name} falls back to the stream`, async () => {
    const { source, bytes } = await openAndRead(({ range }) => (range ? { contentRange } : {}))
    assert.equal(source.supportsRanges, false)
    assert.deepEqual(bytes, file)
  })
}

test('416 for the first range falls back to the stream', async () => {
  const { bytes } = await openAndRead(({ range }) => (range ? { status: 416 } : {}))
  assert.deepEqual(bytes, file)
})

test('an empty file', async () => {
  const { bytes } = await openAndRead(undefined, new Uint8Array(0))
  assert.equal(bytes.length, 0)
})

test('a later Content-Range of another place is an error', async () => {
  await withServer(
    ({ count }) => (count > 1 ? { contentRange: 'bytes 0-9/300000' } : {}),
    async (source, signal) => {
      await source.open(FIRST, signal)
      const read = collect(source.read(200_000, 10, signal))
      await assert.rejects(read, isIoError(/asked for bytes 200000 to 200009, got bytes 0-9/))
    },
  )
})

test('a range answered with the whole file, later, is an error', async () => {
  await withServer(
    ({ count }) => ({ ranges: count === 1 }),
    async (source, signal) => {
      await source.open(FIRST, signal)
      await assert.rejects(collect(source.read(200_009, 10, signal)), isIoError(/got status 200/))
    },
  )
})

test('a file that changes on the server is an error', async () => {
  await withServer(
    ({ count }) => (count > 1 ? { etag: '"2"' } : {}),
    async (source, signal) => {
      await source.open(FIRST, signal)
      await assert.rejects(collect(source.read(200_009, 10, signal)), {
        code: 'source_changed',
        message: /changed on the server/,
      })
    },
  )
})

test('a range that breaks off goes on where it stopped', async () => {
  const { bytes, requests } = await openAndRead(({ count }) =>
    count < 5 ? { truncate: 40_000 } : {},
  )
  assert.deepEqual(bytes, file)
  assert.ok(requests.length >= 5)
})

test('a stream that breaks off is an error that says where', async () => {
  const read = openAndRead(() => ({ ranges: false, truncate: 40_000 }))
  await assert.rejects(read, (error) => {
    isIoError(/model\.gguf/)(error)
    return error.details.offset > 0 && error.details.offset <= 40_000
  })
})

test('a busy server is asked again', async () => {
  const { bytes, requests } = await openAndRead(({ count }) => (count <= 2 ? { status: 503 } : {}))
  assert.deepEqual(bytes, file)
  assert.equal(requests[2].range, `bytes=0-${FIRST - 1}`)
})

test('404 is an error at once, with its status', async () => {
  await withServer(
    () => ({ status: 404 }),
    async (source, signal, server) => {
      await assert.rejects(source.open(FIRST, signal), (error) => {
        isIoError(/HTTP 404/)(error)
        return error.details.status === 404
      })
      assert.equal(server.requests.length, 1)
    },
  )
})

test('a server that is not there is an error', async () => {
  const server = await rangeServer(file)
  await server.close()
  const source = reading(`${server.url}/model.gguf`)
  await assert.rejects(source.open(FIRST, new AbortController().signal), isIoError(/model\.gguf/))
})

test('an abort in the middle of a read gives its reason', async () => {
  await withServer(
    ({ count }) => (count > 1 ? { stall: true } : {}),
    async (source, signal, _server, abort) => {
      await source.open(FIRST, signal)
      const reading = collect(source.read(100, 200_000, signal))
      setTimeout(() => abort.abort(), 50)
      await assert.rejects(reading, { name: 'AbortError' })
    },
  )
})

test('headers of the caller are sent along', async () => {
  const server = await rangeServer(file)
  const source = new HttpSource(`${server.url}/x`, { headers: { authorization: 'Bearer k' } })
  await source.open(10, new AbortController().signal)
  source.close()
  assert.equal(server.requests[0].headers.authorization, 'Bearer k')
  await server.close()
})
