// Every kind of source hands out the same bytes, also through the pair that carries a main thread's
// source into the worker; and loadModel's argument is understood as documented.
import assert from 'node:assert/strict'
import { mkdtempSync, openAsBlob, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, test } from 'node:test'
import { SOURCE_CREDIT } from '../../js/src/protocol.js'
import { blobSource } from '../../js/src/source/blob.js'
import { bytesSource } from '../../js/src/source/bytes.js'
import { fileSource } from '../../js/src/source/file.js'
import { RemoteSources } from '../../js/src/source/remote.js'
import { SourceServer } from '../../js/src/source/remote-server.js'
import { describeSources } from '../../js/src/source/resolve.js'
import { PIECE } from '../../js/src/source/source.js'
import { streamSource } from '../../js/src/source/stream.js'
import { collect, pattern } from './lib/range-server.js'

const body = pattern(3 * PIECE + 12_345)
const folder = mkdtempSync(join(tmpdir(), 'sotto-'))
const path = join(folder, 'model.gguf')
writeFileSync(path, body)
after(() => rmSync(folder, { recursive: true }))

const { signal } = new AbortController()
const streamOf = (...chunks) =>
  new ReadableStream({
    pull: (controller) => (chunks.length ? controller.enqueue(chunks.shift()) : controller.close()),
  })

/** A worker's and a main thread's half, wired up. */
function pair(...sources) {
  const sent = []
  let remote
  const server = new SourceServer(sources, (message) => {
    sent.push(message)
    queueMicrotask(() => remote.onMessage(message))
  })
  remote = new RemoteSources((message) => queueMicrotask(() => server.onMessage(message)))
  return {
    sources: sources.map((source, index) => remote.source(index, source.name)),
    sent,
    server,
  }
}

const ranged = {
  path: () => fileSource(path),
  blob: () => blobSource(new Blob([body])),
  'file-backed blob': async () => blobSource(await openAsBlob(path)),
  bytes: () => bytesSource(body.buffer),
  'shared bytes': () => {
    const shared = new Uint8Array(new SharedArrayBuffer(body.length))
    shared.set(body)
    return bytesSource(shared)
  },
}

for (const [name, make] of Object.entries(ranged)) {
  for (const through of ['directly', 'through the main thread']) {
    test(`${name}, ${through}`, async () => {
      let source = await make()
      if (through !== 'directly') source = pair(source).sources[0]
      await source.open(PIECE, signal)
      assert.equal(source.size, body.length)
      assert.equal(source.supportsRanges, true)
      const ranges = [
        [0, body.length],
        [PIECE - 1, 2],
        [2 * PIECE, 5 * PIECE],
        [body.length, 10],
      ]
      const reads = ranges.map(([at, length]) => collect(source.read(at, length, signal)))
      const results = await Promise.all(reads)
      ranges.forEach(([at, length], index) => {
        assert.ok(Buffer.compare(results[index], body.slice(at, at + length)) === 0)
      })
      await source.close()
    })
  }
}

test('a stream of all kinds of chunks', async () => {
  const words = new Uint16Array(body.slice(10, 20).buffer)
  const chunks = [body.slice(0, 10), words, body.slice(20).buffer]
  const { sources } = pair(streamSource(streamOf(...chunks)))
  await sources[0].open(PIECE, signal)
  assert.equal(sources[0].supportsRanges, false)
  const bytes = await collect(sources[0].read(0, Infinity, signal))
  assert.ok(Buffer.compare(bytes, body) === 0)
})

test('a stream of something else is a typed error', async () => {
  const { sources } = pair(streamSource(streamOf('text')))
  const reading = collect(sources[0].read(0, Infinity, signal))
  await assert.rejects(reading, { code: 'io_error', message: /expected bytes, got string/ })
})

test('a stream that fails is a typed error', async () => {
  const broken = new ReadableStream({
    pull() {
      throw new Error('cable cut')
    },
  })
  const { sources } = pair(streamSource(broken))
  const reading = collect(sources[0].read(0, Infinity, signal))
  await assert.rejects(reading, { code: 'io_error', message: /cable cut/ })
})

test('no more pieces are under way than were granted', async () => {
  const { sources, sent } = pair(bytesSource(new Uint8Array(20 * PIECE)))
  const read = sources[0].read(0, 20 * PIECE, signal)
  await read.next()
  await new Promise((resolve) => setTimeout(resolve, 20))
  assert.equal(sent.filter(({ type }) => type === 'source-piece').length, SOURCE_CREDIT)
  await read.next()
  await new Promise((resolve) => setTimeout(resolve, 20))
  assert.equal(sent.filter(({ type }) => type === 'source-piece').length, SOURCE_CREDIT + 1)
  await read.return()
})

test('leaving a read early cancels the stream behind it', async () => {
  let cancelled = false
  const endless = new ReadableStream({
    pull: (controller) => controller.enqueue(new Uint8Array(PIECE)),
    cancel: () => {
      cancelled = true
    },
  })
  const { sources, server } = pair(streamSource(endless))
  const read = sources[0].read(0, Infinity, signal)
  await read.next()
  await read.return()
  server.close()
  await new Promise((resolve) => setTimeout(resolve, 20))
  assert.equal(cancelled, true)
})

test('an abort ends a read that waits', async () => {
  const abort = new AbortController()
  const { sources } = pair(streamSource(new ReadableStream()))
  const reading = collect(sources[0].read(0, Infinity, abort.signal))
  setTimeout(() => abort.abort(), 20)
  await assert.rejects(reading, { name: 'AbortError' })
})

test('a path that is not there, and one that is a folder', async () => {
  const missing = fileSource(join(folder, 'nothing.gguf')).open()
  await assert.rejects(missing, { code: 'io_error', message: /nothing\.gguf: ENOENT/ })
  await assert.rejects(fileSource(folder).open(), { code: 'io_error', message: /is a directory/ })
})

const node = {
  locate: (text) =>
    /^https?:/.test(text) ? { kind: 'url', url: text } : { kind: 'path', path: text },
  blobsTravel: false,
}
const kinds = (source, options = {}) =>
  describeSources(source, options, node).descriptors.map(({ kind }) => kind)

test('what the worker reads by itself and what not', () => {
  assert.deepEqual(kinds('model.gguf'), ['path'])
  assert.deepEqual(kinds(new URL('https://a.example/m.gguf')), ['url'])
  assert.deepEqual(kinds('https://a.example/m.gguf', { fetch }), ['remote'])
  assert.deepEqual(kinds([body, new Blob([]), new ReadableStream()]), [
    'remote',
    'remote',
    'remote',
  ])
  const travel = describeSources(new Blob([]), {}, { ...node, blobsTravel: true })
  assert.equal(travel.descriptors[0].kind, 'blob')
})

test('the first file of a split names the others', () => {
  const { descriptors } = describeSources('/a#b/m-00001-of-00003.gguf', {}, node)
  assert.deepEqual(
    descriptors.map(({ path: file }) => file),
    [1, 2, 3].map((n) => `/a#b/m-0000${n}-of-00003.gguf`),
  )
  const urls = describeSources('https://a.example/m-00001-of-00002.gguf?k=1#x', {}, node)
  assert.equal(urls.descriptors[1].url, 'https://a.example/m-00002-of-00002.gguf?k=1#x')
  assert.deepEqual(kinds('m-00002-of-00003.gguf'), ['path'])
})

test('a stream of Node.js is refused with what to give instead, and that is taken', () => {
  const stream = Readable.from([body])
  assert.throws(() => describeSources(stream, {}, node), {
    code: 'invalid_argument',
    details: { field: 'source' },
    message: /Node\.js.*Readable\.toWeb\(stream\).*path/,
  })
  assert.deepEqual(kinds(Readable.toWeb(stream)), ['remote'])
})

test('what is no source is refused', () => {
  const locked = new ReadableStream()
  locked.getReader()
  for (const source of [undefined, null, 7, {}, [], [3], 'm-00001-of-99999.gguf', locked]) {
    assert.throws(() => describeSources(source, {}, node), {
      code: 'invalid_argument',
      details: { field: 'source' },
    })
  }
})
