// A thread of Node.js that keeps the GPU's driver loaded as long as the process lives. Without it
// every engine loads the driver anew, and NVIDIA's can be loaded some thirty times in a process:
// then its place among the threads' variables is used up, and no GPU is found any more.
const name = 'webgpu' // as in engine-node.js
const { create } = await import(name)
const adapter = await create([]).requestAdapter()
setInterval(() => adapter, 1 << 30)
