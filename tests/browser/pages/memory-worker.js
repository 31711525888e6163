// Takes 100 MB and touches every page of it.
const PAGES = 1600
const memory = (shared) => new WebAssembly.Memory({ initial: PAGES, maximum: PAGES, shared }).buffer
const kinds = {
  module: () => memory(false),
  'shared module': () => memory(true),
  buffer: () => new ArrayBuffer(PAGES << 16),
}
const bytes = new Uint8Array(kinds[decodeURIComponent(location.search.slice(1))]()).fill(1)
postMessage(bytes.length)
