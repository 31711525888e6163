// What servers say about a file, what they get wrong, and where redirects lead.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { after, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { loadModel } from 'sotto'
import { HttpSource } from '../../js/src/source/http.js'
import { hubUrl } from '../../js/src/source/hub.js'
import { compare, factsOf } from '../../js/src/source/validator.js'
import { logitsDigest, tinyBytes, tinyPath, withEngine } from './lib/models.js'
import { collect, pattern, rangeServer } from './lib/range-server.js'

const file = pattern(300_000)
const FIRST = 100_000
const { signal } = new AbortController()

/** A server whose answers are written by hand; `requests` are what it was sent. */
async function handmade(handle) {
  const requests = []
  const server = createServer((request, response) => {
    requests.push(request)
    handle(request, response, requests.length)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = () => {
    server.close()
    server.closeAllConnections()
  }
  after(close)
  return { url: `http://127.0.0.1:${server.address().port}`, requests, close }
}

async function opened(url, init) {
  const source = new HttpSource(url, init, undefined, { pauseMs: 1 })
  await source.open(FIRST, signal)
  return source
}
const all = (source) => collect(source.read(0, source.supportsRanges ? 3e5 : Infinity, signal))
const partOf = ({ headers }) => /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '')?.slice(1)

test('version, digest and address of what was opened', async () => {
  const etag = `"${'aB'.repeat(32)}"`
  const server = await rangeServer(file, () => ({ etag }))
  const source = await opened(`${server.url}/m.gguf`)
  source.close()
  await server.close()
  const validator = { etag, lastModified: undefined, size: file.length, strong: true }
  assert.deepEqual(source.validator, validator)
  assert.equal(source.sha256, undefined) // an ETag is no digest, whatever it looks like
  assert.equal(source.finalUrl, `${server.url}/m.gguf`)
})

test('digests, where a server states one', () => {
  const hex = '00ff'.repeat(16)
  const base64 = Buffer.from(hex, 'hex').toString('base64')
  const digest = (headers) => factsOf(new Response('', { headers }), 1, 'x').sha256
  assert.equal(digest({ 'repr-digest': `sha-512=:AAAA:, sha-256=:${base64}:` }), hex)
  assert.equal(digest({ digest: `SHA-256=${base64}` }), hex)
  assert.equal(digest({ 'x-linked-etag': `"${hex}"`, etag: '"1"' }), hex)
  for (const headers of [
    { etag: `"${hex}"` },
    { 'x-linked-etag': `"${hex}-1"` },
    { 'repr-digest': 'sha-256=:AAAA:' },
    { 'content-digest': `sha-256=:${base64}:` }, // of one answer
    { 'repr-digest': `sha-256=:${base64}:`, 'content-encoding': 'gzip' },
  ]) {
    assert.equal(digest(headers), undefined)
  }
})

test('versions: strong tags decide, then dates, then weak tags', () => {
  const of = (etag, lastModified, size = 5) => {
    return { etag, lastModified, size, strong: Boolean(etag?.startsWith('"')) }
  }
  for (const [first, other, expected] of [
    [of('"1"', 'd'), of('"1"', 'e'), 'same'],
    [of('"1"'), of('"2"'), 'other'],
    [of('"1"'), of('"1"', undefined, 6), 'other'],
    [of('"1"'), of(undefined, 'd', 6), 'unknown'],
    [of('W/"1"', 'd'), of('W/"2"', 'd'), 'same'],
    [of('W/"1"', 'd'), of('W/"1"', 'e'), 'other'],
    [of('W/"1"'), of('"1"'), 'same'],
    [of('W/"1"'), of('W/"2"'), 'other'],
    [of(undefined, 'd'), of(), 'unknown'],
    [of(), of(), 'same'],
    [of(), of(undefined, undefined, 6), 'other'],
  ]) {
    assert.equal(compare(first, other), expected, JSON.stringify([first, other]))
  }
})

test('a stream that breaks off is begun again and goes on where it stopped', async () => {
  const server = await rangeServer(file, ({ count }) =>
    count < 4 ? { ranges: false, truncate: 70_000 * count } : { ranges: false },
  )
  const source = await opened(`${server.url}/m.gguf`)
  assert.deepEqual(await all(source), file)
  assert.equal(server.requests.length, 4)
  await server.close()
})

test('a stream without an ETag or a date that breaks off is an error', async () => {
  const server = await handmade((_request, response) => {
    response.writeHead(200, { 'content-length': file.length })
    response.write(file.subarray(0, 50_000), () => response.destroy())
  })
  const source = await opened(server.url)
  await assert.rejects(all(source), { code: 'io_error', message: /neither ranges nor an ETag/ })
})

test('parts that do not say which: the length of the tail tells', async () => {
  const server = await handmade((request, response, count) => {
    const [from, last] = partOf(request)
    const body = file.subarray(Number(from), last ? Number(last) + 1 : file.length)
    response.writeHead(206, { 'content-length': body.length, etag: '"1"' })
    if (count > 3) return response.end(body)
    response.write(body.subarray(0, 70_000), () => response.destroy())
  })
  const source = await opened(server.url)
  assert.equal(source.supportsRanges, false)
  assert.equal(source.size, file.length)
  assert.deepEqual(await all(source), file)
  const ranges = server.requests.map(({ headers }) => headers.range)
  assert.deepEqual(ranges.slice(0, 2), [`bytes=0-${FIRST - 1}`, 'bytes=0-'])
  assert.match(ranges[2], /^bytes=\d+-$/)
})

for (const [name, headers] of [
  ['compressed', { 'content-encoding': 'gzip' }],
  ['several at once', { 'content-type': 'multipart/byteranges; boundary=b' }],
]) {
  test(`parts that are ${name}: the whole file is asked for`, async () => {
    const server = await handmade((request, response) => {
      const part = partOf(request)
      const range = { 'content-range': `bytes 0-99999/${file.length}`, etag: '"1"' }
      response.writeHead(part ? 206 : 200, { ...headers, ...(part && range) })
      response.end(name === 'compressed' ? gzipSync(file) : file)
    })
    const source = await opened(server.url)
    assert.equal(source.supportsRanges, false)
    assert.equal(source.size, undefined)
    assert.deepEqual(await all(source), file)
    server.close()
  })
}

test('a server may give less than was asked for, and is asked for the rest', async () => {
  const server = await handmade((request, response) => {
    const [from, last] = partOf(request).map(Number)
    const end = Math.min(last + 1, from + 40_000, file.length)
    const range = `bytes ${from}-${end - 1}/${file.length}`
    const body = file.subarray(from, end)
    response.writeHead(206, { 'content-range': range, 'content-length': body.length })
    response.end(body)
  })
  assert.deepEqual(await all(await opened(server.url)), file)
  assert.equal(server.requests.length, 8)
})

test('a file that has become shorter has changed', async () => {
  const server = await handmade((request, response, count) => {
    const [from] = partOf(request).map(Number)
    if (count > 1) return response.writeHead(416, { 'content-range': 'bytes */5' }).end()
    const range = { 'content-range': `bytes ${from}-99999/300000`, 'content-length': FIRST }
    response.writeHead(206, range).end(file.subarray(0, FIRST))
  })
  await assert.rejects(all(await opened(server.url)), { code: 'source_changed' })
  assert.equal(server.requests.length, 2)
})

test('a page to log in is no model: its type and address are named', async () => {
  const server = await handmade((request, response) => {
    if (request.url !== '/login') return response.writeHead(302, { location: '/login' }).end()
    response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><p>Log in</p>')
  })
  const url = `${server.url}/login`
  for (const options of [{}, { fetch: (...args) => fetch(...args) }]) {
    await assert.rejects(loadModel(`${server.url}/m.gguf`, options), (error) => {
      assert.equal(error.code, 'invalid_model')
      assert.match(error.message, /web page/)
      assert.ok(error.message.includes(`text/html from ${url}`), error.message)
      assert.equal(error.details.url, url)
      return true
    })
  }
})

test('a repository: its URL, its split files, its token, which goes nowhere else', async () => {
  const parts = [1, 2, 3].map((n) => `f16-0000${n}-of-00003`)
  const bodies = parts.map((part) => tinyBytes(part))
  const storage = await rangeServer(
    Object.fromEntries(parts.map((part, index) => [`${part}.gguf`, bodies[index]])),
  )
  const hub = await handmade((request, response) => {
    const part = /tiny%20model-(.*)$/.exec(request.url)[1]
    response.writeHead(302, { location: `${storage.url}/${part}` }).end()
  })
  const source = {
    repo: 'some-one/tiny.model',
    file: 'a#b/tiny model-f16-00001-of-00003.gguf',
    revision: 'refs/pr/1',
    baseUrl: `${hub.url}/mirror/`,
  }
  const fetchOptions = { headers: { authorization: 'Bearer secret' } }
  const whole = await withEngine(tinyPath('f16'), {}, logitsDigest)
  assert.deepEqual(await withEngine(source, { fetchOptions }, logitsDigest), whole)
  const start = '/mirror/some-one/tiny.model/resolve/refs%2Fpr%2F1/a%23b/tiny%20model-f16-00001'
  assert.ok(hub.requests[0].url.startsWith(start), hub.requests[0].url)
  assert.ok(hub.requests.every(({ headers }) => headers.authorization === 'Bearer secret'))
  assert.ok(storage.requests.length >= 3)
  assert.ok(storage.requests.every(({ headers }) => headers.authorization === undefined))
  await storage.close()
})

test('what leads out of a repository is refused', () => {
  const locate = (text) => {
    return /^https?:/.test(text) ? { kind: 'url', url: text } : { kind: 'path', path: text }
  }
  const good = { repo: 'a/b', file: 'c.gguf' }
  assert.equal(hubUrl(good, locate), 'https://huggingface.co/a/b/resolve/main/c.gguf')
  for (const [field, ...values] of [
    ['repo', '', 'a', 'a/b/c', '../b', 'a/..', 'a/b?x', 'a/%2e%2e', 7],
    ['file', '', '/c', 'c/', '../c', 'x/../c', 'x/./c', 'x\\..\\c', 'c\n', '\ud800', null],
    ['revision', '', '..', 'refs/../x', 'a\0', 1],
    ['baseUrl', '', 'ftp://a', 'https://u:p@a', 'https://a/?q', 'https://a/#x', 7],
    ['branch', 'main'],
  ]) {
    for (const value of values) {
      const error = { code: 'invalid_argument', details: { field } }
      assert.throws(() => hubUrl({ ...good, [field]: value }, locate), error, `${field} ${value}`)
    }
  }
})
