// Reads a WebAssembly module's code section instruction by instruction, as far as is needed to find
// every opcode: WebAssembly core specification 3.0, binary format, without GC and exceptions.

class Reader {
  constructor(bytes) {
    this.bytes = bytes
    this.at = 0
  }
  u8() {
    if (this.at >= this.bytes.length) throw new Error('the module ends too early')
    return this.bytes[this.at++]
  }
  u32() {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = this.u8()
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
  }
  /** Any LEB128 number, whatever its width. */
  leb() {
    while (this.u8() >= 0x80);
  }
  skip(count) {
    this.at += count
  }
}

const none = () => {}
const leb = (r) => r.leb()
const leb2 = (r) => {
  r.leb()
  r.leb()
}
/** Alignment (with bit 6: a memory index follows) and offset. */
const memarg = (r) => {
  if (r.u32() & 0x40) r.leb()
  r.leb()
}
const skip = (count) => (r) => r.skip(count)
const vector = (r) => {
  for (let count = r.u32(); count > 0; count--) r.leb()
}

const branchTable = (r) => {
  vector(r)
  r.leb()
}
const memargLane = (r) => {
  memarg(r)
  r.skip(1)
}

/** Immediates of the opcodes of one byte. */
function immediate(opcode) {
  if (opcode >= 0x02 && opcode <= 0x04) return leb // block, loop, if: a block type
  if (opcode === 0x0c || opcode === 0x0d) return leb // br, br_if
  if (opcode === 0x0e) return branchTable // br_table
  if (opcode === 0x10 || opcode === 0x12) return leb // call, return_call
  if (opcode === 0x11 || opcode === 0x13) return leb2 // call_indirect
  if (opcode === 0x1c) return vector // select t
  if (opcode >= 0x20 && opcode <= 0x26) return leb // locals, globals, tables
  if (opcode >= 0x28 && opcode <= 0x3e) return memarg // loads and stores
  if (opcode >= 0x3f && opcode <= 0x42) return leb // memory.size, memory.grow, consts
  if (opcode === 0x43) return skip(4) // f32.const
  if (opcode === 0x44) return skip(8) // f64.const
  if (opcode === 0xd0 || opcode === 0xd2) return leb // ref.null, ref.func
  const plain = [0x00, 0x01, 0x05, 0x0b, 0x0f, 0x1a, 0x1b, 0xd1]
  if (plain.includes(opcode) || (opcode >= 0x45 && opcode <= 0xc4)) return none
  throw new Error(`unknown opcode 0x${opcode.toString(16)}`)
}

/** Prefix 0xfc: saturating conversions and bulk memory. */
function immediateBulk(sub) {
  if (sub <= 7) return none
  if ([8, 10, 12, 14].includes(sub)) return leb2
  if ([9, 11, 13, 15, 16, 17].includes(sub)) return leb
  throw new Error(`unknown opcode 0xfc ${sub}`)
}

/** Prefix 0xfd: vectors, the relaxed ones from 0x100 on. */
function immediateVector(sub) {
  if (sub <= 11 || sub === 92 || sub === 93) return memarg
  if (sub === 12 || sub === 13) return skip(16) // v128.const, i8x16.shuffle
  if (sub >= 21 && sub <= 34) return skip(1) // extract_lane, replace_lane
  if (sub >= 84 && sub <= 91) return memargLane // lane loads and stores
  return none
}

/** Prefix 0xfe: atomics. */
const immediateAtomic = (sub) => (sub === 3 ? skip(1) : memarg)

const prefixed = { 252: immediateBulk, 253: immediateVector, 254: immediateAtomic }

function readBody(reader, end, visit) {
  for (let groups = reader.u32(); groups > 0; groups--) {
    reader.leb()
    reader.u8()
  }
  while (reader.at < end) {
    const opcode = reader.u8()
    const sub = prefixed[opcode] ? reader.u32() : undefined
    const read = sub === undefined ? immediate(opcode) : prefixed[opcode](sub)
    read(reader)
    visit(opcode, sub)
  }
  if (reader.at !== end) throw new Error('an instruction crosses the end of its function')
}

/**
 * Calls visit(functionIndex, opcode, sub) for each instruction; the index is within the section.
 */
export function eachInstruction(bytes, visit) {
  eachSection(bytes, (section, reader) => {
    if (section !== CODE) return
    const count = reader.u32()
    for (let index = 0; index < count; index++) {
      const bodySize = reader.u32()
      readBody(reader, reader.at + bodySize, (opcode, sub) => visit(index, opcode, sub))
    }
  })
}

const CUSTOM = 0
const CODE = 10

/**
 * Calls `visit(section, reader, size)` at the beginning of each section's contents;
 * size is with its head.
 */
function eachSection(bytes, visit) {
  const reader = new Reader(bytes)
  if (bytes.length < 8 || bytes[0] !== 0 || bytes[1] !== 0x61) throw new Error('no wasm module')
  reader.skip(8)
  while (reader.at < bytes.length) {
    const begin = reader.at
    const section = reader.u8()
    const size = reader.u32()
    const end = reader.at + size
    visit(section, reader, end - begin)
    reader.at = end
  }
}

/** A module's size without custom sections: debug names and the like. */
export function bytesWithoutNames(bytes) {
  let total = bytes.length
  eachSection(bytes, (section, _, size) => {
    if (section === CUSTOM) total -= size
  })
  return total
}
