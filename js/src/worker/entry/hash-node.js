// What is started as the hashing worker in Node.js and Deno.
import { createHash } from 'node:crypto'
import { parentPort, workerData } from 'node:worker_threads'
import { nodeStorage } from '../../cache/storage-node.js'
import { serveHash } from '../serve-hash.js'

async function makeHash() {
  const hash = createHash('sha256')
  return {
    add: (/** @type {Uint8Array} */ bytes) => void hash.update(bytes),
    end: () => hash.digest('hex'),
  }
}

if (!parentPort) throw new Error('started by the engine’s worker')
const port = parentPort
const storage = nodeStorage(workerData?.directory)
port.on(
  'message',
  serveHash(storage, makeHash, (message) => port.postMessage(message)),
)
