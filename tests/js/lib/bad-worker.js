// Workers that go wrong, each in its way.
import { parentPort } from 'node:worker_threads'
import { PROTOCOL } from '../../../js/src/protocol.js'

/** @param {string} how */
export function misbehave(how) {
  if (how === 'throws') throw new Error('no luck today')
  if (how === 'exits') process.exit(3)
  if (how === 'version') parentPort.postMessage({ type: 'ready', protocol: 999 })
  else if (how !== 'silent') parentPort.postMessage({ type: 'ready', protocol: PROTOCOL })

  parentPort.on('message', ({ type, id }) => {
    if (type === 'load') {
      const value = { variant: 'simd128', info: { name: 'bad', n_vocab: 2, load_ms: {} }, plan: {} }
      parentPort.postMessage({ type: 'result', id, value })
    } else if (how === 'dies') process.exit(7)
    else if (how === 'traps') {
      const error = { code: 'worker_failed', message: 'crashed: unreachable', details: {} }
      if (type === 'generate') parentPort.postMessage({ type: 'result', id, value: 1 })
      else parentPort.postMessage({ type: 'fatal', error })
    }
  })
}
