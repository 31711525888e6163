// Types of the Emscripten modules, copied beside them: sotto-simd128.mjs, sotto-relaxed.mjs,
// and the same with -mt, which run several threads.
// The functions are those that src/api/sotto.h marks SOTTO_API, with an underscore before the name.
// A 64-bit integer is a bigint.

export interface SottoModule {
  wasmMemory: WebAssembly.Memory
  HEAPU8: Uint8Array<ArrayBuffer>
  // biome-ignore lint/suspicious/noExplicitAny: each function has its own type
  [name: `_${string}`]: (...args: any[]) => any
}

export interface SottoModuleOptions {
  /** Memory to run in; its maximum bounds all growth. */
  wasmMemory?: WebAssembly.Memory
  wasmBinary?: ArrayBuffer | Uint8Array
  instantiateWasm?: (
    imports: WebAssembly.Imports,
    receive: (instance: WebAssembly.Instance, module: WebAssembly.Module) => void,
  ) => object
  /** Of modules with threads: how many besides the caller's, and what makes a worker for each. */
  nThreads?: number
  startThread?: () => object | undefined
  locateFile?: (path: string, prefix: string) => string
  print?: (text: string) => void
  printErr?: (text: string) => void
  onAbort?: (what: unknown) => void
}

export default function createSotto(options?: SottoModuleOptions): Promise<SottoModule>
