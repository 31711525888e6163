// All that a worker imports where there is a GPU, and nowhere else: in browsers a file of its own.
export { findGpu } from './device.js'
export { Executor } from './executor.js'
