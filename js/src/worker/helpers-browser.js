// The workers beside the engine's in browsers, for threads and hashing. The page makes them
// (connection-browser.js) and each talks to the engine's worker through a channel: in Firefox
// 153 a worker that makes one itself may wait forever for a notice that the new one has taken,
// wherever somebody listens for workers, as its developer tools and WebDriver do.

/** @import { FromWorker, ToWorker } from '../protocol.js' */
/** @import { WorkerPort } from '../connection.js' */

export class Helpers {
  #post
  #last = 0
  /** @type {Map<number, (error: Error) => void>} */
  #failures = new Map()

  /** @param {(message: FromWorker, transfer: Transferable[]) => void} post to the page */
  constructor(post) {
    this.#post = post
  }

  /**
   * @param {URL} file one that begins with `takeChannel`
   * @returns {WorkerPort}
   */
  start({ href: url }) {
    const id = ++this.#last
    const { port1: port, port2: theirs } = new MessageChannel()
    this.#failures.set(id, () => {})
    this.#post({ type: 'helper-start', id, url, port: theirs }, [theirs])
    return {
      post: (message, transfer = []) => port.postMessage(message, transfer),
      listen: ({ onMessage, onFailure }) => {
        this.#failures.set(id, onFailure)
        port.onmessage = ({ data }) => onMessage(data)
        port.onmessageerror = () => onFailure(new Error('a message could not be read'))
      },
      terminate: async () => {
        if (!this.#failures.delete(id)) return
        port.close()
        this.#post({ type: 'helper-end', id }, [])
      },
      hold: () => {},
    }
  }

  /**
   * @param {ToWorker} message
   * @returns {boolean} whether it was for this
   */
  onMessage(message) {
    if (message.type !== 'helper-failed') return false
    this.#failures.get(message.id)?.(new Error(message.text))
    return true
  }
}

/**
 * In such a worker: calls `onPort` with its end of the channel. What waits there
 * comes once it listens.
 * @param {(port: MessagePort) => void} onPort
 */
export function takeChannel(onPort) {
  const scope = /** @type {{ onmessage: any }} */ (/** @type {unknown} */ (globalThis))
  scope.onmessage = (/** @type {MessageEvent} */ { data }) => {
    scope.onmessage = null
    onPort(data)
  }
}
