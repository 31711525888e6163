// GGUF files for the tools of this folder and the benchmark: reads a header with all its metadata,
// and writes a file whose tensors come from generators, row by row, so that no file is held whole.
// The product's own reader is src/gguf/.
import {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'

/** Bytes and weights of a block, by ggml's number of the type. */
export const tensorTypes = {
  F32: { number: 0, weights: 1, bytes: 4, fileType: 0 },
  F16: { number: 1, weights: 1, bytes: 2, fileType: 1 },
  Q4_0: { number: 2, weights: 32, bytes: 18, fileType: 2 },
  Q4_1: { number: 3, weights: 32, bytes: 20, fileType: 3 },
  Q8_0: { number: 8, weights: 32, bytes: 34, fileType: 7 },
  Q2_K: { number: 10, weights: 256, bytes: 84, fileType: 10 },
  Q3_K: { number: 11, weights: 256, bytes: 110, fileType: 11 },
  Q4_K: { number: 12, weights: 256, bytes: 144, fileType: 14 },
  Q5_K: { number: 13, weights: 256, bytes: 176, fileType: 16 },
  Q6_K: { number: 14, weights: 256, bytes: 210, fileType: 18 },
  IQ4_NL: { number: 20, weights: 32, bytes: 18, fileType: 25 },
  IQ4_XS: { number: 23, weights: 256, bytes: 136, fileType: 30 },
  MXFP4: { number: 39, weights: 32, bytes: 17, fileType: 38 },
}

const typeName = (number) => {
  const found = Object.entries(tensorTypes).find(([, type]) => type.number === number)
  if (!found) throw new Error(`tensor type ${number} is none of ${Object.keys(tensorTypes)}`)
  return found[0]
}

export const rowBytes = (type, n) => (n / tensorTypes[type].weights) * tensorTypes[type].bytes

const STRING = 8
const ARRAY = 9
/** Scalar metadata types: size, DataView method. */
const scalars = {
  0: [1, 'Uint8'],
  1: [1, 'Int8'],
  2: [2, 'Uint16'],
  3: [2, 'Int16'],
  4: [4, 'Uint32'],
  5: [4, 'Int32'],
  6: [4, 'Float32'],
  7: [1, 'Uint8'],
  10: [8, 'BigUint64'],
  11: [8, 'BigInt64'],
  12: [8, 'Float64'],
}

// ---- reading ------------------------------------------------------------------------------------

/** Little-endian values of a file, one after the other. */
class Cursor {
  #fd
  #chunk = Buffer.alloc(0)
  #at = 0 // in the chunk
  position = 0

  constructor(fd) {
    this.#fd = fd
  }

  bytes(n) {
    if (this.#at + n > this.#chunk.length) this.#fill(n)
    const bytes = this.#chunk.subarray(this.#at, this.#at + n)
    this.#at += n
    this.position += n
    return bytes
  }

  #fill(n) {
    const chunk = Buffer.alloc(Math.max(n, 1 << 20))
    const got = readSync(this.#fd, chunk, 0, chunk.length, this.position)
    if (got < n) throw new Error('the header is longer than the file')
    this.#chunk = chunk.subarray(0, got)
    this.#at = 0
  }

  scalar(type) {
    const [size, method] = scalars[type] ?? []
    if (!size) throw new Error(`metadata type ${type} is unknown`)
    const bytes = this.bytes(size)
    return new DataView(bytes.buffer, bytes.byteOffset, size)[`get${method}`](0, true)
  }

  u32 = () => this.scalar(4)
  u64 = () => Number(this.scalar(10))
  string = () => this.bytes(this.u64()).toString('utf8')
  value = (type) => (type === STRING ? this.string() : this.scalar(type))
}

/**
 * The header of a file: `metadata` is a Map of key to { type, of, value } (`of` is the type of an
 * array's items), `tensors` a list of { name, shape, type, offset, bytes }, offsets from the file's
 * start.
 */
export function readGguf(path) {
  const fd = openSync(path)
  try {
    const file = new Cursor(fd)
    if (file.bytes(4).toString('latin1') !== 'GGUF') throw new Error(`${path} is not GGUF`)
    const version = file.u32()
    if (version !== 3) throw new Error(`${path}: GGUF version ${version}`)
    const counts = { tensors: file.u64(), metadata: file.u64() }
    const metadata = new Map()
    for (let i = 0; i < counts.metadata; i++) {
      const key = file.string()
      const type = file.u32()
      const of = type === ARRAY ? file.u32() : undefined
      if (type === ARRAY) {
        const value = Array.from({ length: file.u64() }, () => file.value(of))
        metadata.set(key, { type, of, value })
      } else metadata.set(key, { type, value: file.value(type) })
    }
    const tensors = Array.from({ length: counts.tensors }, () => readTensor(file))
    const alignment = metadata.get('general.alignment')?.value ?? 32
    const start = Math.ceil(file.position / alignment) * alignment
    for (const tensor of tensors) tensor.offset += start
    return { path, metadata, tensors, bytes: fstatSync(fd).size }
  } finally {
    closeSync(fd)
  }
}

function readTensor(file) {
  const name = file.string()
  const shape = Array.from({ length: file.u32() }, () => file.u64())
  const type = typeName(file.u32())
  const weights = shape.reduce((product, n) => product * n, 1)
  return { name, shape, type, offset: file.u64(), bytes: rowBytes(type, weights) }
}

/** A tensor's rows as bytes, a few MB at a time. */
export function* readRows(path, { offset, shape, type }) {
  const size = rowBytes(type, shape[0])
  const count = shape.slice(1).reduce((product, n) => product * n, 1)
  const atOnce = Math.max(1, Math.floor((4 << 20) / size))
  const fd = openSync(path)
  try {
    for (let row = 0; row < count; row += atOnce) {
      const n = Math.min(atOnce, count - row)
      const bytes = Buffer.alloc(n * size)
      if (readSync(fd, bytes, 0, bytes.length, offset + row * size) < bytes.length) {
        throw new Error(`${path} ends before its tensors do`)
      }
      for (let i = 0; i < n; i++) yield bytes.subarray(i * size, (i + 1) * size)
    }
  } finally {
    closeSync(fd)
  }
}

// ---- writing ------------------------------------------------------------------------------------

function scalarBytes(type, value) {
  if (type === STRING) {
    const text = Buffer.from(value, 'utf8')
    return Buffer.concat([scalarBytes(10, BigInt(text.length)), text])
  }
  const [size, method] = scalars[type]
  const bytes = Buffer.alloc(size)
  new DataView(bytes.buffer, bytes.byteOffset, size)[`set${method}`](0, value, true)
  return bytes
}

const u32 = (value) => scalarBytes(4, value)
const u64 = (value) => scalarBytes(10, BigInt(value))

function* headerParts(metadata, tensors) {
  yield Buffer.from('GGUF', 'latin1')
  yield* [u32(3), u64(tensors.length), u64(metadata.size)]
  for (const [key, { type, of, value }] of metadata) {
    yield* [scalarBytes(STRING, key), u32(type)]
    if (type !== ARRAY) yield scalarBytes(type, value)
    else {
      yield* [u32(of), u64(value.length)]
      for (const item of value) yield scalarBytes(of, item)
    }
  }
  let offset = 0
  for (const { name, shape, type, bytes } of tensors) {
    yield* [scalarBytes(STRING, name), u32(shape.length), ...shape.map(u64)]
    yield* [u32(tensorTypes[type].number), u64(offset)]
    offset += padded(bytes)
  }
}

const ALIGNMENT = 32
const padded = (n) => Math.ceil(n / ALIGNMENT) * ALIGNMENT

/**
 * Writes a whole file or nothing. `tensors` is a list of { name, shape, type, rows }: `rows` is a
 * function that returns an iterable of the tensor's bytes, in pieces of any size.
 */
export function writeGguf(path, metadata, tensors) {
  mkdirSync(dirname(path), { recursive: true })
  const plan = tensors.map((tensor) => {
    const weights = tensor.shape.reduce((product, n) => product * n, 1)
    return { ...tensor, bytes: rowBytes(tensor.type, weights) }
  })
  const kept = new Map([...metadata].filter(([key]) => key !== 'general.alignment'))
  const temporary = `${path}.${process.pid}.tmp`
  const fd = openSync(temporary, 'w')
  const put = (bytes) => {
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at)
    return bytes.length
  }
  try {
    const header = Buffer.concat([...headerParts(kept, plan)])
    put(header)
    put(Buffer.alloc(padded(header.length) - header.length))
    for (const { name, bytes, rows } of plan) {
      let written = 0
      for (const piece of rows()) written += put(piece)
      if (written !== bytes) throw new Error(`${name}: ${written} bytes instead of ${bytes}`)
      put(Buffer.alloc(padded(bytes) - bytes))
    }
    closeSync(fd)
    renameSync(temporary, path)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
}
