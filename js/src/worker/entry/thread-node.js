// What is started as a thread of a module in Node.js and Deno. Emscripten's code expects a Web
// Worker; this gives it what it uses of one.
import { parentPort } from 'node:worker_threads'
import { becomeThread } from '../glue-threads.js'

if (!parentPort) throw new Error('a thread is started by an engine')
const port = parentPort

/** @type {Record<string, any>} */
const scope = globalThis
const given = {
  self: scope,
  location: new URL(import.meta.url),
  WorkerGlobalScope: class WorkerGlobalScope {},
  importScripts: () => {},
  postMessage: (/** @type {any} */ message) => port.postMessage(message),
  onmessage: (/** @type {{ data: any }} */ { data }) => becomeThread(data),
}
// Deno has some of it, of which not all may be assigned.
for (const [name, value] of Object.entries(given)) {
  Object.defineProperty(scope, name, { value, writable: true, configurable: true })
}
port.on('message', (data) => scope.onmessage({ data }))
