// The cache of models: what was downloaded is not asked for again, whatever ended the download;
// nothing is used that the server no longer has, that is torn, or that has another hash;
// without storage loading goes on without it.
import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { loadModel, openModelCache } from 'sotto'
import { Entry } from '../../js/src/cache/entry.js'
import { SEGMENT_BYTES } from '../../js/src/cache/manifest.js'
import { nodeStorage } from '../../js/src/cache/storage-node.js'
import { makeValidator } from '../../js/src/source/validator.js'
import { logitsDigest, tinyBytes, withEngine, withTiny } from './lib/models.js'
import { collect, pattern, rangeServer } from './lib/range-server.js'

const bytes = tinyBytes()
const sha256 = createHash('sha256').update(bytes).digest('hex')
const never = new AbortController().signal
let expected
let root
let count = 0

before(async () => {
  expected = await withTiny(logitsDigest)
  root = await mkdtemp(join(tmpdir(), 'sotto-cache-'))
})
after(() => rm(root, { recursive: true, force: true }))

const newPlace = () => join(root, String(count++))

/** Loads, and says what the cache had. */
async function use(url, cacheDir, options = {}) {
  return withEngine(url, { cacheDir, ...options }, async (engine) => {
    assert.deepEqual(await logitsDigest(engine), expected)
    return engine.info.cache
  })
}

/** Until the test ends. */
async function serve(t, fault) {
  const server = await rangeServer(bytes, fault)
  t.after(() => server.close())
  return server
}

const fails = (code) => (error) => {
  assert.equal(error.code, code, error.message)
  return true
}

test('the second load fetches nothing but a question; offline it works, too', async () => {
  const cacheDir = newPlace()
  const server = await rangeServer(bytes)
  const url = `${server.url}/model.gguf`
  const first = await use(url, cacheDir)
  assert.equal(first.status, 'miss')
  assert.equal(first.fetched_bytes >= bytes.length, true)
  const before = server.requests.length
  const second = await use(url, cacheDir)
  assert.deepEqual([second.status, second.fetched_bytes, second.validated_by], ['hit', 0, 'etag'])
  assert.equal(server.requests.length, before + 1)
  assert.equal((await use(url, cacheDir, { cache: 'force-cache' })).status, 'hit')
  assert.equal((await use(url, cacheDir, { cache: 'only-if-cached' })).status, 'hit')
  assert.equal(server.requests.length, before + 1)
  await server.close()
  const offline = await use(url, cacheDir)
  assert.deepEqual([offline.status, offline.validated_by], ['hit', 'none'])
})

test('modes: no-store leaves it alone, reload fetches again, only-if-cached refuses', async (t) => {
  const cacheDir = newPlace()
  const server = await serve(t)
  const url = `${server.url}/model.gguf`
  assert.equal((await use(url, cacheDir, { cache: 'no-store' })).status, 'bypass')
  assert.deepEqual(await openModelCache(cacheDir).list(), [])
  await assert.rejects(use(url, cacheDir, { cache: 'only-if-cached' }), fails('not_cached'))
  await use(url, cacheDir)
  assert.equal((await use(url, cacheDir, { cache: 'reload' })).status, 'miss')
  await assert.rejects(use(url, cacheDir, { cache: 'often' }), fails('invalid_argument'))
})

test('another version on the server replaces what was kept', async (t) => {
  const cacheDir = newPlace()
  let etag = '"1"'
  const server = await serve(t, () => ({ etag }))
  const url = `${server.url}/model.gguf`
  await use(url, cacheDir)
  etag = '"2"'
  assert.equal((await use(url, cacheDir)).status, 'miss')
  assert.equal((await use(url, cacheDir)).status, 'hit')
})

test('a server without ranges: the whole is kept', async (t) => {
  const cacheDir = newPlace()
  const server = await serve(t, () => ({ ranges: false }))
  const url = `${server.url}/model.gguf`
  assert.equal((await use(url, cacheDir)).status, 'miss')
  assert.equal((await use(url, cacheDir)).status, 'hit')
})

test('a stream of unknown length: the whole is kept, and asked for once', async (t) => {
  const cacheDir = newPlace()
  const server = await serve(t, () => ({ ranges: false, size: false }))
  const url = `${server.url}/model.gguf`
  const first = await use(url, cacheDir)
  assert.deepEqual([first.status, first.fetched_bytes], ['miss', bytes.length])
  const second = await use(url, cacheDir)
  assert.deepEqual([second.status, second.fetched_bytes], ['hit', 0])
})

test('a server that is ill does not matter to who has all; one that refuses does', async (t) => {
  const cacheDir = newPlace()
  let status
  const server = await serve(t, () => ({ status }))
  const url = `${server.url}/model.gguf`
  await use(url, cacheDir)
  for (status of [500, 503, 429]) assert.equal((await use(url, cacheDir)).status, 'hit')
  for (status of [403, 404]) await assert.rejects(use(url, cacheDir), fails('io_error'))
})

test('loads at the same time share one download', async (t) => {
  const cacheDir = newPlace()
  const server = await serve(t)
  const url = `${server.url}/model.gguf`
  const uses = await Promise.all([1, 2, 3].map(() => use(url, cacheDir, { sha256 })))
  const fetched = uses.reduce((sum, { fetched_bytes }) => sum + fetched_bytes, 0)
  assert.equal(fetched, bytes.length)
  assert.equal(
    uses.every(({ verified }) => verified),
    true,
  )
})

test('no bad answer is kept', async (t) => {
  const cacheDir = newPlace()
  let status = 404
  const server = await serve(t, () => ({ status }))
  const url = `${server.url}/model.gguf`
  await assert.rejects(use(url, cacheDir), fails('io_error'))
  const list = await openModelCache(cacheDir).list()
  assert.equal(
    list.every(({ loaded }) => loaded === 0),
    true,
  )
  status = undefined
  assert.equal((await use(url, cacheDir)).status, 'miss')
})

test('what is no model is not kept, and a page to log in takes nothing away', async (t) => {
  const cacheDir = newPlace()
  let page
  const model = bytes
  const noise = { 'model.gguf': pattern(5000) }
  const server = await rangeServer(noise, () => ({ page }))
  t.after(() => server.close())
  const url = `${server.url}/model.gguf`
  await assert.rejects(use(url, cacheDir), fails('invalid_model'))
  await assert.rejects(use(url, cacheDir, { cache: 'only-if-cached' }), fails('not_cached'))
  page = true
  await assert.rejects(use(url, cacheDir), fails('invalid_model'))
  await assert.rejects(use(url, cacheDir, { cache: 'only-if-cached' }), fails('not_cached'))
  page = false
  noise['model.gguf'] = model
  await use(url, cacheDir)
  page = true
  await assert.rejects(use(url, cacheDir), fails('invalid_model'))
  assert.equal((await use(url, cacheDir, { cache: 'only-if-cached' })).status, 'hit')
})

test('without ETag and date a whole file is judged by its size, a part is not used', async (t) => {
  const cacheDir = newPlace()
  const server = await serve(t, () => ({ etag: null }))
  const url = `${server.url}/model.gguf`
  await use(url, cacheDir)
  const again = await use(url, cacheDir)
  assert.deepEqual([again.status, again.validated_by], ['hit', 'size'])
  const [key] = await readdir(cacheDir)
  await truncate(join(cacheDir, key, '00000.segment'), 5000)
  assert.equal((await use(url, cacheDir)).status, 'miss')
  await truncate(join(cacheDir, key, '00000.segment'), 5000)
  assert.equal((await use(url, cacheDir, { sha256 })).status, 'partial')
})

test('sha256: a match is remembered, a mismatch throws everything away', async (t) => {
  const cacheDir = newPlace()
  const server = await serve(t)
  const url = `${server.url}/model.gguf`
  const other = 'a'.repeat(64)
  for (const cache of ['default', 'no-store']) {
    const wrong = loadModel(url, { cacheDir, cache, sha256: other })
    await assert.rejects(
      wrong,
      (error) => fails('hash_mismatch')(error) && error.details.found === sha256,
    )
  }
  assert.equal(
    (await openModelCache(cacheDir).list()).every(({ loaded }) => loaded === 0),
    true,
  )
  assert.equal((await use(url, cacheDir, { sha256, cache: 'no-store' })).verified, true)
  assert.equal((await use(url, cacheDir, { sha256 })).verified, true)
  const [file] = await openModelCache(cacheDir).list()
  assert.deepEqual([file.complete, file.verified, file.sha256], [true, true, sha256])
  const again = await use(url, cacheDir, { sha256: sha256.toUpperCase() })
  assert.deepEqual([again.status, again.verified], ['hit', true])
  // What another hash is stated for now is another file.
  await assert.rejects(loadModel(url, { cacheDir, sha256: other }), fails('hash_mismatch'))
  await assert.rejects(loadModel(url, { sha256: 'abc' }), fails('invalid_argument'))
  await assert.rejects(loadModel(url, { sha256: [sha256, sha256] }), fails('invalid_argument'))
})

test('list, delete, clear, estimate', async (t) => {
  const cacheDir = newPlace()
  const cache = openModelCache(cacheDir)
  const server = await serve(t)
  const urls = [1, 2, 3].map((n) => `${server.url}/${n}.gguf`)
  for (const url of urls) await use(url, cacheDir)
  const list = await cache.list()
  assert.deepEqual(
    list.map(({ url }) => url),
    urls.toReversed(),
  )
  assert.equal(
    list.every(({ size, loaded }) => size === bytes.length && loaded === size),
    true,
  )
  assert.equal(await cache.delete(urls[0]), true)
  assert.equal(await cache.delete(urls[0]), false)
  const { usage, quota } = await cache.estimate()
  assert.equal(usage >= 2 * bytes.length && quota > usage, true)
  assert.deepEqual(await cache.evict(0), [])
  assert.deepEqual(await cache.evict(2 * quota), [urls[1], urls[2]])
  await use(urls[1], cacheDir)
  await cache.clear()
  assert.deepEqual(await cache.list(), [])
  assert.equal(await cache.persist(), true)
})

test('storage that fails is a warning, and the model loads', async (t) => {
  const cacheDir = newPlace()
  await writeFile(cacheDir, 'a file where the folder should be')
  const server = await serve(t)
  for (const options of [{}, { sha256 }]) {
    const warnings = []
    const onWarning = (warning) => warnings.push(warning.code)
    const { status } = await use(`${server.url}/model.gguf`, cacheDir, { onWarning, ...options })
    assert.deepEqual([status, warnings], ['bypass', ['cache_unavailable']])
  }
})

// ---- an entry by itself: bytes of several segments ----------------------------------------------

const size = 2 * SEGMENT_BYTES + 1000
const url = 'https://models.example/big.gguf'

async function openEntry(directory) {
  const entry = await Entry.open(nodeStorage(directory), 'key', url)
  entry.describe(makeValidator({ etag: '"1"', size }))
  return entry
}

async function writeAll(entry, data, from, to) {
  for (let at = from; at < to; at += 1 << 20)
    await entry.write(at, data.subarray(at, Math.min(to, at + (1 << 20))))
}

test('an entry gives back what was written, in any order, and goes on after an end', async () => {
  const directory = newPlace()
  const data = pattern(size)
  let entry = await openEntry(directory)
  await writeAll(entry, data, SEGMENT_BYTES - 500, SEGMENT_BYTES + 700)
  await writeAll(entry, data, 0, 9 << 20)
  await entry.close()
  entry = await openEntry(directory)
  assert.deepEqual(entry.run(0), { there: true, end: 9 << 20 })
  assert.deepEqual(entry.run(9 << 20), { there: false, end: SEGMENT_BYTES - 500 })
  await writeAll(entry, data, 9 << 20, size)
  assert.deepEqual(
    await collect(entry.read(SEGMENT_BYTES - 9, SEGMENT_BYTES + 9, never)),
    data.slice(SEGMENT_BYTES - 9, SEGMENT_BYTES + 9),
  )
  await entry.commit()
  assert.equal(entry.isComplete, true)
  assert.equal(entry.readable, size)
  assert.equal(Buffer.compare(await collect(entry.read(0, size, never)), data), 0)
  await entry.close()
})

test('a process that is killed leaves what it had flushed, and its lock', async () => {
  const directory = newPlace()
  const child = fork(new URL('./lib/cache-writer.js', import.meta.url), [directory, url, `${size}`])
  await once(child, 'message') // all is written, the last megabytes are not flushed
  assert.equal(await nodeStorage(directory).lock('key', { wait: false }), undefined)
  child.kill('SIGKILL')
  await once(child, 'exit')
  const lock = await nodeStorage(directory).lock('key', { wait: true, signal: never })
  const entry = await openEntry(directory)
  const { there, end } = entry.run(0)
  assert.equal(there && end >= size - (21 << 20) && end < size, true, `${end} bytes were kept`)
  assert.equal(
    Buffer.compare(await collect(entry.read(0, end, never)), pattern(size).subarray(0, end)),
    0,
  )
  await entry.close()
  lock.release()
})

test('what was not flushed, torn or cut off is not believed', async () => {
  const directory = newPlace()
  const data = pattern(size)
  let entry = await openEntry(directory)
  await writeAll(entry, data, 0, 1000)
  entry = await openEntry(directory) // the first has never ended
  assert.equal(entry.run(0).there, false)
  await writeAll(entry, data, 0, size)
  await entry.close()
  const folder = join(directory, 'key')
  await truncate(join(folder, '00001.segment'), 5000)
  entry = await openEntry(directory)
  assert.deepEqual(entry.run(0), { there: true, end: SEGMENT_BYTES + 5000 })
  await entry.close()
  // The newer manifest is torn: the older one counts. With both torn nothing does.
  const names = (await readdir(folder)).filter((name) => name.endsWith('.json'))
  assert.equal(names.length, 2)
  const turns = await Promise.all(
    names.map(async (name) => JSON.parse(await readFile(join(folder, name), 'utf8')).turn),
  )
  const newer = names[turns[0] > turns[1] ? 0 : 1]
  const text = await readFile(join(folder, newer), 'utf8')
  await writeFile(join(folder, newer), text.slice(0, -20))
  entry = await openEntry(directory)
  assert.equal(entry.run(0).there, true)
  await entry.close()
  for (const name of names) await writeFile(join(folder, name), '{"version":1,"turn":5')
  entry = await openEntry(directory)
  assert.equal(entry.run(0).there, false)
  await entry.close()
})
