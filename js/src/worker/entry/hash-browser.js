// What is started as the hashing worker in browsers. Their own sha256 takes a file as a whole only,
// so this one is computed by the module.
import { opfsStorage } from '../../cache/storage-opfs.js'
import { CoreModule } from '../core-module.js'
import { takeChannel } from '../helpers-browser.js'
import { serveHash } from '../serve-hash.js'
import { compileFromUrl } from '../variant.js'

const MEMORY = { initial: 0, maximum: 0 } // as little as there can be

/** @param {string} url of the module */
async function makeHash(url) {
  const module = await CoreModule.create(await compileFromUrl(url), 'simd128', MEMORY)
  const state = module.alloc(module.call('sotto_hash_state_bytes'))
  module.call('sotto_hash_begin', state)
  return {
    add: (/** @type {Uint8Array} */ bytes) =>
      module.feed(bytes, (ptr, length) => module.call('sotto_hash_add', state, ptr, length)),
    end() {
      const digest = module.alloc(32)
      module.call('sotto_hash_end', state, digest)
      const bytes = module.bytes(digest, 32)
      return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
    },
  }
}

takeChannel((port) => {
  port.onmessage = ({ data: url }) => {
    const post = (/** @type {any} */ message) => port.postMessage(message)
    const onMessage = serveHash(opfsStorage(), () => makeHash(url), post)
    port.onmessage = ({ data }) => onMessage(data)
  }
})
