// A thread's file in browsers. The modules are made for workers that speak to who started them: to the page,
// here. What they would say and hear there goes through the channel.
import { becomeThread } from './glue-threads.js'
import { takeChannel } from './helpers-browser.js'

/** @type {Record<string, any>} */
const scope = globalThis

takeChannel((port) => {
  scope.postMessage = (/** @type {any} */ message) => port.postMessage(message)
  scope.onmessage = (/** @type {MessageEvent} */ { data }) => becomeThread(data)
  port.onmessage = (event) => scope.onmessage(event)
})
