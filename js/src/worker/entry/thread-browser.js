// What is started as a thread of a module in browsers. Emscripten's code exchanges messages with
// whoever started the worker, which here is the page; they are meant for the engine's worker,
// and so go through a channel to it.
import { becomeThread } from '../glue-threads.js'
import { takeChannel } from '../helpers-browser.js'

/** @type {Record<string, any>} */
const scope = globalThis

takeChannel((port) => {
  scope.postMessage = (/** @type {any} */ message) => port.postMessage(message)
  scope.onmessage = (/** @type {MessageEvent} */ { data }) => becomeThread(data)
  port.onmessage = (event) => scope.onmessage(event)
})
