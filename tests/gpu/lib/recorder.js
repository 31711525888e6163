// In the place of an executor: keeps the records as plain objects and computes nothing. Reads give
// zeros, or what `answer` says.
import { Records } from '../../../js/src/gpu/records.js'

export class Recorder {
  #memory
  #records
  #answer
  /** A list for each stream. */
  streams = []

  /** @param {(read: object) => Uint8Array | undefined} [answer] */
  constructor(memory, layout, answer = () => undefined) {
    this.#memory = memory
    this.#records = new Records(layout, memory)
    this.#answer = answer
  }

  /** @param {{ records: number, n_bytes: number }} commands */
  async execute({ records, n_bytes }) {
    const stream = []
    this.#records.each(records, records + n_bytes, (kind, at) => {
      stream.push(this.#records.read(kind, at))
    })
    this.streams.push(stream)
    await undefined
    for (const record of stream) {
      if (record.kind !== 'READ') continue
      const { address, n } = record
      const given = this.#answer(record)
      if (given) this.#memory.u8.set(given, address)
      else this.#memory.u8.fill(0, address, address + n)
    }
  }

  async room() {}

  /** Kinds of all records, with how many there are. */
  kinds(from = 0) {
    const counts = {}
    for (const { kind } of this.streams.slice(from).flat()) counts[kind] = (counts[kind] ?? 0) + 1
    return counts
  }
}
