// sotto_request with JavaScript's values: a struct and what it points to, in the module's
// memory for one call.

/** @import { CoreModule } from './core-module.js' */
/** @import { CoreRequest } from '../protocol.js' */

const encoder = new TextEncoder()

/** @param {Int32Array} ids */
export const bytesOf = (ids) => new Uint8Array(ids.buffer, ids.byteOffset, ids.byteLength)

/**
 * @template T
 * @param {CoreModule} module
 * @param {Int32Array} tokens
 * @param {CoreRequest} request
 * @param {(ptr: number) => T} use what it points to is gone afterwards
 */
export function withRequest(module, tokens, request, use) {
  const struct = module.struct('request')
  /** @type {number[]} */
  const owned = [struct.ptr]
  const put = (/** @type {Uint8Array} */ bytes) => {
    const ptr = module.alloc(Math.max(1, bytes.length))
    owned.push(ptr)
    module.u8.set(bytes, ptr)
    return ptr
  }
  try {
    module.call('sotto_request_default', struct.ptr)
    for (const [field, value] of Object.entries(request.fields)) struct.set(field, value)
    struct.set('tokens', put(bytesOf(tokens)))
    struct.set('n_tokens', tokens.length)
    struct.set('stop', put(encoder.encode(request.stop.map((text) => `${text}\0`).join(''))))
    struct.set('n_stop', request.stop.length)
    struct.set('logit_bias', put(biases(module, request.logit_bias)))
    struct.set('n_logit_bias', request.logit_bias.length)
    const flags = request.flags.map((flag) => module.constant(`REQUEST_${flag}`))
    struct.set(
      'flags',
      flags.reduce((all, flag) => all | flag, 0),
    )
    return use(struct.ptr)
  } finally {
    for (const ptr of owned) module.free(ptr)
  }
}

/** @param {CoreModule} module @param {[number, number][]} list token and bias */
function biases(module, list) {
  const { size, fields } = module.layout.structs.bias
  const bytes = new Uint8Array(size * list.length)
  const view = new DataView(bytes.buffer)
  list.forEach(([token, bias], index) => {
    view.setInt32(index * size + fields.token[1], token, true)
    view.setFloat32(index * size + fields.bias[1], bias, true)
  })
  return bytes
}
