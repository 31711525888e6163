// loadModel: every kind of source gives the same model, whatever its pieces; every failure is
// typed, says what to do, and leaves nothing behind.
import assert from 'node:assert/strict'
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { loadModel } from 'sotto'
import { VARIANTS } from '../../js/src/tables.js'
import {
  logitsDigest,
  realPath,
  tinyBytes,
  tinyPath,
  until,
  withEngine,
  withTiny,
} from './lib/models.js'
import { random } from './lib/random.js'
import { rangeServer } from './lib/range-server.js'

const bytes = tinyBytes()
let expected

before(async () => {
  expected = await withTiny(logitsDigest)
})

const loadsTheSame = async (source, options = {}) => {
  assert.deepEqual(await withEngine(source, options, logitsDigest), expected)
}

/** A stream in pieces of random length, some of them empty. */
function shredded(data, seed, most) {
  const next = random(seed)
  let at = 0
  return new ReadableStream({
    pull(controller) {
      const end = Math.min(data.length, at + next(most))
      controller.enqueue(data.slice(at, end))
      at = end
      if (at === data.length) controller.close()
    },
  })
}

test('bytes, views, shared memory, blob, File, file: URL', async () => {
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length))
  shared.set(bytes)
  await loadsTheSame(bytes.slice().buffer)
  await loadsTheSame(new DataView(bytes.buffer))
  await loadsTheSame(shared)
  await loadsTheSame(new Blob([bytes]))
  await loadsTheSame(new File([bytes], 'tiny.gguf'))
  await loadsTheSame(pathToFileURL(tinyPath()))
  await loadsTheSame(pathToFileURL(tinyPath()).href)
})

test('a stream, cut anywhere', async () => {
  for (const [seed, most] of [
    [1, 40],
    [2, 5_000],
    [3, 60_000],
  ]) {
    await loadsTheSame(shredded(bytes, seed, most))
  }
  await loadsTheSame(Readable.toWeb(createReadStream(tinyPath())))
})

test('an object with read(), with ranges in pieces of every size and without', async () => {
  const next = random(7)
  async function* read(offset, length) {
    const end = Math.min(bytes.length, offset + length)
    for (let at = offset; at < end; ) {
      const to = Math.min(end, at + 1 + next(4_000))
      yield bytes.slice(at, to)
      at = to
    }
  }
  await loadsTheSame({ size: bytes.length, supportsRanges: true, read })
  await loadsTheSame({ supportsRanges: false, read })
})

test('a URL, with ranges, without, and with a fetch of the caller', async () => {
  const server = await rangeServer(bytes)
  await loadsTheSame(new URL(`${server.url}/tiny.gguf`))
  assert.equal(server.requests.length, 1, 'header and body by one request')
  let calls = 0
  const counting = (...args) => {
    calls++
    return fetch(...args)
  }
  await loadsTheSame(`${server.url}/tiny.gguf`, { fetch: counting })
  assert.ok(calls > 0)
  const options = { fetchOptions: { headers: new Headers({ 'x-key': '7' }) } }
  await loadsTheSame(`${server.url}/tiny.gguf`, options)
  assert.equal(server.requests.at(-1).headers['x-key'], '7')
  await server.close()

  const plain = await rangeServer(bytes, () => ({ ranges: false, size: false }))
  await loadsTheSame(`${plain.url}/tiny.gguf`)
  assert.equal(plain.requests.length, 1)
  await plain.close()
})

test('a large file comes in ranges, at most 16 MB of them at a time', async () => {
  const file = await open(realPath)
  const { size } = await file.stat()
  const ranges = []
  let running = 0
  let most = 0
  async function* read(offset, length) {
    ranges.push({ offset, length })
    running += length
    most = Math.max(most, running)
    const buffer = new Uint8Array(1 << 20)
    try {
      for (let at = offset; at < offset + length; ) {
        const want = Math.min(buffer.length, offset + length - at)
        const { bytesRead } = await file.read(buffer, 0, want, at)
        yield buffer.subarray(0, bytesRead)
        at += bytesRead
      }
    } finally {
      running -= length
    }
  }
  try {
    const source = { size, supportsRanges: true, read }
    await withEngine(source, { n_ctx: 64 }, async (engine) => {
      const { module } = await engine.memory()
      assert.ok(module < engine.plan.total + 2e6, `${module} for ${engine.plan.total}`)
    })
  } finally {
    await file.close()
  }
  assert.ok(most > 4 << 20 && most <= 16 << 20, `${most} bytes under way`)
  const bytes = ranges.reduce((sum, { length }) => sum + length, 0)
  assert.ok(bytes < 1.1 * size, 'nothing is fetched twice')
})

test('split files: the first names the rest, or all are given', async () => {
  const parts = [1, 2, 3].map((n) => `f16-0000${n}-of-00003`)
  const whole = await withEngine(tinyPath('f16'), {}, logitsDigest)
  const body = Object.fromEntries(parts.map((name) => [`tiny-${name}.gguf`, tinyBytes(name)]))
  const same = async (source) => assert.deepEqual(await withEngine(source, {}, logitsDigest), whole)

  await same(tinyPath(parts[0]))
  await same(parts.map(tinyPath))
  await same(parts.map((name) => shredded(tinyBytes(name), 5, 30_000)))
  await same([tinyPath(parts[0]), tinyBytes(parts[1]), new Blob([tinyBytes(parts[2])])])
  const server = await rangeServer(body)
  await same(`${server.url}/tiny-${parts[0]}.gguf`)
  await server.close()
  await assert.rejects(loadModel(tinyBytes(parts[0])), {
    code: 'invalid_model',
    message: /split|part|file/,
  })
})

test('every variant and backend computes; variants give the same bits', async () => {
  for (const [variant, family] of Object.entries(VARIANTS)) {
    try {
      await withTiny(
        async (engine) => {
          assert.equal(engine.variant, variant)
          assert.deepEqual(await logitsDigest(engine), expected)
        },
        { variant },
      )
    } catch (error) {
      // No relaxed SIMD here, or dots that are not what these kernels count on.
      assert.equal(family, 'relaxed')
      assert.match(error.message, /no relaxed SIMD|for this engine|on this engine/)
    }
  }
  await withTiny(
    async (engine) => {
      const { digest, steps } = await logitsDigest(engine)
      assert.notEqual(digest, expected.digest)
      assert.equal(steps, expected.steps)
    },
    { backend: 'naive' },
  )
})

test('progress rises to the end; info and plan are there', async () => {
  const seen = []
  const onProgress = (progress) => seen.push(progress)
  await withTiny(
    async (engine) => {
      assert.equal(engine.info.architecture, 'llama')
      assert.equal(engine.info.n_vocab, 300)
      assert.equal(engine.info.has_chat_template, true)
      const { worker, module: instance, header, weights, total } = engine.info.load_ms
      assert.ok([worker, instance, header, weights].every((ms) => ms > 0 && ms < total))
      assert.equal(engine.plan.n_ctx, 64)
      assert.equal(engine.plan.kv, 64 * engine.plan.per_position)
      assert.equal(engine.plan.file, bytes.length)
      assert.equal(engine.plan.fits, true)
      const { in_use, peak, module } = await engine.memory()
      assert.ok(in_use > 0 && in_use <= peak && peak <= module)
      const description = JSON.stringify(await engine.describe())
      assert.match(description, /token_embd\.weight/)
      assert.match(await engine.printProgram(), /\w/)
    },
    { n_ctx: 64, onProgress },
  )
  assert.deepEqual([...new Set(seen.map(({ status }) => status))], ['header', 'weights', 'ready'])
  const weights = seen.filter(({ status }) => status !== 'header')
  assert.ok(
    weights.every(
      ({ loaded, total }, i) => loaded <= total && loaded >= (weights[i - 1]?.loaded ?? 0),
    ),
  )
  assert.equal(weights.at(-1).loaded, weights.at(-1).total)
})

test('over the memory budget: the numbers, before the body is fetched', async () => {
  const big = { name: 'big', size: bytes.length, supportsRanges: true }
  const reads = []
  big.read = async function* (offset, length) {
    reads.push([offset, length])
    yield bytes.slice(offset, offset + length)
  }
  await assert.rejects(loadModel(big, { memory_budget: 300_000 }), (error) => {
    assert.equal(error.code, 'memory_budget_exceeded')
    assert.equal(error.details.plan.limit, 300_000)
    assert.ok(error.details.plan.total > 300_000)
    assert.match(error.message, /\d/)
    return true
  })
  assert.equal(reads.length, 1)
})

test('memory above 2 GiB: pointers are unsigned', async () => {
  await withEngine(tinyPath(), { n_ctx: 8_300_000 }, async (engine) => {
    assert.ok(engine.plan.total > 2 ** 31 && engine.plan.kv < 2 ** 31)
    assert.deepEqual(await logitsDigest(engine), expected)
    assert.ok((await engine.memory()).module > 2 ** 31)
    assert.ok((await engine.saveState()).length > 1_000)
  })
})

test('a context that no memory holds', async () => {
  const loading = loadModel(tinyPath(), { n_ctx: 2 ** 24 })
  await assert.rejects(loading, { code: 'memory_budget_exceeded', message: /n_ctx|context/ })
})

test('an onProgress that throws ends loading with its error', async () => {
  const onProgress = () => {
    throw new RangeError('my mistake')
  }
  await assert.rejects(loadModel(tinyPath(), { onProgress }), /my mistake/)
})

const refused = {
  'an empty file': [new Uint8Array(0), 'truncated_file'],
  text: [new TextEncoder().encode('<!doctype html> not a model'), 'invalid_model'],
  'half a header': [bytes.slice(0, 2_000), 'truncated_file'],
  'half a body': [bytes.slice(0, -20_000), 'truncated_file'],
}
for (const [name, [data, code]] of Object.entries(refused)) {
  test(`${name} is ${code}, from bytes and from a stream`, async () => {
    await assert.rejects(loadModel(data), { name: 'SottoError', code })
    await assert.rejects(loadModel(new Blob([data]).stream()), { name: 'SottoError', code })
  })
}

test('a path and a URL that are not there', async () => {
  await assert.rejects(loadModel('/nowhere/m.gguf'), { code: 'io_error', message: /m\.gguf/ })
  const server = await rangeServer({})
  await assert.rejects(loadModel(`${server.url}/m.gguf`), { code: 'io_error', message: /404/ })
  await server.close()
})

test('a download that breaks off is resumed; a stream that breaks off is an error', async () => {
  const flaky = await rangeServer(bytes, ({ count }) => (count < 4 ? { truncate: 20_000 } : {}))
  await loadsTheSame(`${flaky.url}/tiny.gguf`)
  await flaky.close()
  const broken = await rangeServer(bytes, () => ({ ranges: false, truncate: 60_000 }))
  const retry = { pauseMs: 1 }
  await assert.rejects(loadModel(`${broken.url}/tiny.gguf`, { retry }), { code: 'io_error' })
  await broken.close()
})

test('options are checked, each by its name', async () => {
  const cases = {
    n_ctx: -1,
    n_batch: 1.5,
    n_parallel: 'four',
    memory_budget: Number.NaN,
    backend: 'gpu',
    variant: 'avx2',
    cache_type_k: 'q4_0',
    cache_type_v: 8,
    onProgress: 7,
    n_contexts: 4096,
  }
  for (const [field, value] of Object.entries(cases)) {
    const error = { code: 'invalid_argument', details: { field } }
    await assert.rejects(loadModel(tinyPath(), { [field]: value }), error)
  }
})

test('an abort before, in the header and in the body gives the reason', async () => {
  await assert.rejects(loadModel(tinyPath(), { signal: AbortSignal.abort() }), {
    name: 'AbortError',
  })

  const stalled = await rangeServer(bytes, () => ({ stall: true }))
  const timeout = AbortSignal.timeout(100)
  await assert.rejects(loadModel(`${stalled.url}/m.gguf`, { signal: timeout }), {
    name: 'TimeoutError',
  })
  await until(() => stalled.state.running === 0)
  assert.equal(stalled.state.running, 0, 'the download has ended')
  await stalled.close()

  const abort = new AbortController()
  let cancelled = false
  const unfinished = new ReadableStream({
    start: (controller) => controller.enqueue(bytes.slice(0, 60_000)),
    cancel: () => {
      cancelled = true
    },
  })
  const onProgress = ({ status }) => status === 'weights' && abort.abort()
  const loading = loadModel(unfinished, { signal: abort.signal, onProgress })
  await assert.rejects(loading, { name: 'AbortError' })
  await until(() => cancelled)
  assert.equal(cancelled, true)
})
