// A thread's file in browsers: a worker of the engine's worker.
import { becomeThread } from './glue-threads.js'

/** @type {{ onmessage: any }} */
const scope = /** @type {any} */ (globalThis)
scope.onmessage = (/** @type {MessageEvent} */ { data }) => becomeThread(data)
