// A process that writes an entry of the cache, says so, and waits to be killed.
import { Entry } from '../../../js/src/cache/entry.js'
import { nodeStorage } from '../../../js/src/cache/storage-node.js'
import { makeValidator } from '../../../js/src/source/validator.js'
import { pattern } from './range-server.js'

const [directory, url, size] = process.argv.slice(2)
const storage = nodeStorage(directory)
await storage.lock('key', { wait: false })
const entry = await Entry.open(storage, 'key', url)
entry.describe(makeValidator({ etag: '"1"', size: Number(size) }))
const data = pattern(Number(size))
for (let at = 0; at < data.length; at += 1 << 20) {
  await entry.write(at, data.subarray(at, at + (1 << 20)))
}
process.send('written')
setInterval(() => {}, 1000)
