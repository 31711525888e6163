// The engine's Web Worker as a port, and the workers that the page makes for it: threads and
// hashing (worker/helpers-browser.js).

/** @import { FromWorker, ToWorker } from './protocol.js' */
/** @import { WorkerPort } from './connection.js' */

/**
 * Workers that have not been ended. They are kept here because Firefox 153 collects a worker as
 * garbage while it waits, if only a promise that waits for its answer refers to it.
 * @type {Set<Worker>}
 */
const alive = new Set()

/**
 * @param {Worker} worker
 * @param {string} [url] for messages
 * @returns {WorkerPort}
 */
export function webWorkerPort(worker, url = '') {
  alive.add(worker)
  const helpers = new HelperWorkers((message) => worker.postMessage(message))
  return {
    post: (message, transfer = []) => worker.postMessage(message, transfer),
    listen({ onMessage, onFailure }) {
      worker.onmessage = ({ data }) => helpers.onMessage(data) || onMessage(data)
      worker.onmessageerror = () => onFailure(new Error('a message could not be read'))
      worker.onerror = (event) => onFailure(new Error(textOf(event, url)))
    },
    async terminate() {
      alive.delete(worker)
      worker.onmessage = null // what it still wants started shall not be
      worker.terminate()
      helpers.end()
    },
    hold: () => {},
  }
}

class HelperWorkers {
  #post
  /** @type {Map<number, Worker>} */
  #workers = new Map()

  /** @param {(message: ToWorker) => void} post to the engine's worker */
  constructor(post) {
    this.#post = post
  }

  /**
   * @param {FromWorker} message
   * @returns {boolean} whether it was for this
   */
  onMessage(message) {
    if (message.type === 'helper-start') this.#start(message)
    else if (message.type === 'helper-end') this.#end(message.id)
    else return false
    return true
  }

  end() {
    for (const id of this.#workers.keys()) this.#end(id)
  }

  /** @param {Extract<FromWorker, { type: 'helper-start' }>} message */
  #start({ id, url, port }) {
    const fail = (/** @type {string} */ text) => this.#post({ type: 'helper-failed', id, text })
    try {
      const worker = new Worker(url, { type: 'module' })
      this.#workers.set(id, worker)
      worker.onerror = (event) => fail(textOf(event, url))
      worker.postMessage(port, [port])
    } catch (error) {
      fail(String(error)) // the page's policy allows no such file
    }
  }

  /** @param {number} id */
  #end(id) {
    this.#workers.get(id)?.terminate()
    this.#workers.delete(id)
  }
}

/**
 * Without a message the file itself could not be loaded.
 * @param {ErrorEvent} event
 * @param {string} url
 */
function textOf(event, url) {
  event.preventDefault()
  return event.message || `cannot load its file ${url}`.trim()
}
