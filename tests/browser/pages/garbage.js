// Reads Blobs while garbage is collected all the time (the browser lends gc());
// returns how many were read.
import { ByteReader } from '/sotto/src/source/byte-reader.js'

const SIZE = 1 << 20

export async function read(count) {
  const blob = new Blob([new Uint8Array(count * SIZE)])
  let ended = 0
  const readOne = async (start) => {
    const bytes = new ByteReader(blob.slice(start, start + SIZE).stream())
    while (await bytes.read(SIZE));
    ended++
  }
  for (let i = 0; i < count; i++) readOne(i * SIZE) // nothing but their own reads leads to them
  for (let i = 0; i < 1000 && ended < count; i++) {
    gc()
    await new Promise((resolve) => setTimeout(resolve))
  }
  return ended
}
