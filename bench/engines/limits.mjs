// The machine's own limits at a number of threads, in wasm under V8: how fast memory is read,
// and how many products of 8-bit integers are summed. Two loops, assembled here; no engine reads
// more bytes or multiplies more often than they do.
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

const PAGE = 65536
const READ_BYTES = 192 << 20 // a thread's share of memory: far more than caches hold
const WINDOW_MS = 300
const WINDOWS = 3
const ACCUMULATORS = 12

// ---- two functions in wasm ----------------------------------------------------------------------

const leb = (n) => (n < 128 ? [n] : [(n & 127) | 128, ...leb(n >>> 7)])
const vector = (items) => [...leb(items.length), ...items.flat()]
const section = (id, body) => [id, ...leb(body.length), ...body]
const simd = (opcode, ...rest) => [0xfd, ...leb(opcode), ...rest]
const get = (i) => [0x20, ...leb(i)]
const set = (i) => [0x21, ...leb(i)]
const i32 = (n) => [0x41, n] // 0 to 63
const V128 = 0x7b
const I32 = 0x7f

/** Ends a loop after adding `by` to local `i`: again while it is below local `end`. */
const again = (i, by, end) => [...get(i), ...i32(by), 0x6a, 0x22, i, ...get(end), 0x49, 0x0d, 0]

const sumOf = (locals) => [
  ...get(locals[0]),
  ...locals.slice(1).flatMap((local) => [...get(local), ...simd(0x51)]), // v128.xor
  ...simd(0x1b, 0), // i32x4.extract_lane
]

/** read(from, to): combines all bytes in between; 48 at once. */
function readBody() {
  const locals = [2, 3, 4]
  const load = (local, k) => [
    ...[...get(local), ...get(0), ...simd(0, 4, 16 * k)], // v128.load
    ...[...simd(0x51), ...set(local)],
  ]
  const loop = [0x03, 0x40, ...locals.flatMap(load), ...again(0, 48, 1), 0x0b]
  return [...vector([[3, V128]]), ...loop, ...sumOf(locals), 0x0b]
}

/** dot(address, count): `count` rounds of ACCUMULATORS dot products each. */
function dotBody(relaxed) {
  const [a, b, i] = [2, 3, 4]
  const sums = Array.from({ length: ACCUMULATORS }, (_, n) => 5 + n)
  const operand = (local, k) => [...get(0), ...simd(0, 4, 16 * k), ...set(local)]
  const step = (sum) =>
    relaxed
      ? [...get(a), ...get(b), ...get(sum), ...simd(0x113), ...set(sum)]
      : [...get(a), ...get(b), ...simd(0xba), ...get(sum), ...simd(0xae), ...set(sum)]
  const loop = [0x03, 0x40, ...sums.flatMap(step), ...again(i, 1, 1), 0x0b]
  const declared = vector([
    [2, V128],
    [1, I32],
    [ACCUMULATORS, V128],
  ])
  return [...declared, ...operand(a, 0), ...operand(b, 1), ...loop, ...sumOf(sums), 0x0b]
}

function assemble(relaxed) {
  const text = (string) => vector([...Buffer.from(string)].map((byte) => [byte]))
  const body = (code) => [...leb(code.length), ...code]
  const memory = [...text('env'), ...text('memory'), 2, 3, ...leb(1), ...leb(65536)]
  return new Uint8Array([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, vector([[0x60, 2, I32, I32, 1, I32]])),
    ...section(2, vector([memory])),
    ...section(3, vector([[0], [0]])),
    ...section(
      7,
      vector([
        [...text('read'), 0, 0],
        [...text('dot'), 0, 1],
      ]),
    ),
    ...section(10, vector([body(readBody()), body(dotBody(relaxed))])),
  ])
}

// ---- threads ------------------------------------------------------------------------------------

/** Everyone waits for everyone. */
function meet(counter, threads) {
  const mine = Atomics.add(counter, 0, 1) + 1
  const goal = Math.ceil(mine / threads) * threads
  Atomics.notify(counter, 0)
  for (let n = mine; n < goal; n = Atomics.load(counter, 0)) Atomics.wait(counter, 0, n)
}

/** Rates of `work` in windows of time that all threads begin together. */
function rates(work, amount, begin) {
  return Array.from({ length: WINDOWS }, () => {
    begin()
    const start = performance.now()
    let [calls, elapsed] = [0, 0]
    for (; elapsed < WINDOW_MS; elapsed = performance.now() - start) {
      work()
      calls++
    }
    return (calls * amount * 1000) / elapsed
  })
}

async function thread({ module, memory, counter, threads, index, macs }) {
  const { exports } = await WebAssembly.instantiate(module, { env: { memory } })
  const from = PAGE + index * READ_BYTES
  const to = from + READ_BYTES - (READ_BYTES % 48)
  const rounds = 2e5
  new Uint8Array(memory.buffer, from, READ_BYTES).fill(index + 1)
  exports.read(from, to)
  exports.dot(from, 10 * rounds)
  const begin = () => meet(counter, threads)
  parentPort.postMessage({
    read: rates(() => exports.read(from, to), to - from, begin),
    dot: rates(() => exports.dot(from, rounds), rounds * ACCUMULATORS * macs, begin),
  })
}

/** @returns bytes read and 8-bit (or, without relaxed SIMD, 16-bit) products per second */
export async function measure({ threads }) {
  const relaxed = WebAssembly.validate(assemble(true))
  const module = await WebAssembly.compile(assemble(relaxed))
  const pages = 1 + Math.ceil((threads * READ_BYTES) / PAGE)
  const memory = new WebAssembly.Memory({ initial: pages, maximum: 65536, shared: true })
  const counter = new Int32Array(new SharedArrayBuffer(4))
  const data = { module, memory, counter, threads, macs: relaxed ? 16 : 8 }
  const results = await Promise.all(
    Array.from({ length: threads }, (_, index) => {
      const worker = new Worker(new URL(import.meta.url), { workerData: { ...data, index } })
      return new Promise((resolve, reject) => worker.on('message', resolve).on('error', reject))
    }),
  )
  const sum = (field) => {
    const windows = Array.from({ length: WINDOWS }, (_, i) =>
      results.reduce((total, result) => total + result[field][i], 0),
    )
    return Math.max(...windows)
  }
  return { threads, read_bytes_per_s: sum('read'), dot_macs_per_s: sum('dot'), relaxed }
}

if (!isMainThread) await thread(workerData)
