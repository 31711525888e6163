// FNV-1a with 64 bits, as tests/golden/logits-hash.txt has it: over logits, position by position.
// Plain JavaScript that a page can import too.

const PRIME_LOW = 0x1b3 // the prime is 2^40 + 0x1b3

export class Fnv {
  #high = 0xcbf29ce4
  #low = 0x84222325

  /** @param {ArrayBufferView} data */
  add({ buffer, byteOffset, byteLength }) {
    let [high, low] = [this.#high, this.#low]
    for (const byte of new Uint8Array(buffer, byteOffset, byteLength)) {
      low = (low ^ byte) >>> 0
      const product = low * PRIME_LOW
      high = (Math.imul(high, PRIME_LOW) + Math.floor(product / 2 ** 32) + (low << 8)) >>> 0
      low = product >>> 0
    }
    this.#high = high
    this.#low = low
  }

  toString() {
    return [this.#high, this.#low].map((half) => half.toString(16).padStart(8, '0')).join('')
  }
}

/** The hash over all logits of a request, and how many positions there were. */
export async function logitsHash(engine, request) {
  const hash = new Fnv()
  let positions = 0
  for await (const { logits } of engine.logits(request)) {
    hash.add(logits)
    positions++
  }
  return { hash: String(hash), positions }
}
