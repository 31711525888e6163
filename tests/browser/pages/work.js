// What library.test.js asks the page to do.
import { logitsHash } from '/lib/fnv.js'
import { loadModel } from '/sotto/src/browser.js'
import { logitsDigest, prompt } from './digest.js'

async function withEngine(source, options, work) {
  // pages/cache.js is for the cache: here every load is a first one.
  const engine = await loadModel(source, { cache: 'no-store', ...options })
  try {
    return await work(engine)
  } finally {
    await engine.dispose()
  }
}

/** The model at a URL as each kind of source. */
const kinds = {
  url: (url) => new URL(url, location.href),
  blob: async (url) => (await fetch(url)).blob(),
  file: async (url) => new File([await (await fetch(url)).blob()], 'model.gguf'),
  bytes: async (url) => (await fetch(url)).arrayBuffer(),
  stream: async (url) => (await (await fetch(url)).blob()).stream(),
  'response stream': async (url) => (await fetch(url)).body,
  async 'OPFS file'(url) {
    const directory = await navigator.storage.getDirectory()
    const handle = await directory.getFileHandle('model.gguf', { create: true })
    const writable = await handle.createWritable()
    await (await fetch(url)).body.pipeTo(writable)
    return handle
  },
  async object(url) {
    const blob = await (await fetch(url)).blob()
    return {
      size: blob.size,
      supportsRanges: true,
      async *read(offset, length) {
        yield new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer())
      },
    }
  },
}

export const hash = ({ source, request, ...options }) =>
  withEngine(source, { ...options, n_ctx: 256 }, async (engine) => ({
    ...(await logitsHash(engine, request)),
    variant: engine.variant,
    n_threads: engine.info.n_threads,
  }))

/** How many threads there are, and why not more; an answer after an abort. */
export const threads = ({ source, options }) =>
  withEngine(source, options, async (engine) => {
    const abort = new AbortController()
    const request = { prompt, temperature: 0, ignore_eos: true }
    const running = engine.completions.create({ ...request, signal: abort.signal })
    setTimeout(() => abort.abort(), 50)
    const { name } = await running.catch((error) => error)
    const reply = await engine.completions.create({ ...request, max_tokens: 8 })
    const { n_threads, n_threads_reason } = engine.info
    return { n_threads, n_threads_reason, name, text: reply.choices[0].text }
  })

/** An answer to a prompt that was given at load time, or was not. */
export async function prefilled({ source, kind, options }) {
  const given = kind ? await kinds[kind](source) : source
  return withEngine(given, options, async (engine) => {
    const request = { prompt, max_tokens: 8, temperature: 0, ignore_eos: true }
    const { choices, usage } = await engine.completions.create(request)
    const { cached_tokens } = usage.prompt_tokens_details
    return { text: choices[0].text, left: usage.prompt_tokens - cached_tokens }
  })
}

export async function digest({ source, kind, options }) {
  const given = kind ? await kinds[kind](source) : source
  const own = options?.fetch === 'own' && { fetch: (...args) => fetch(...args) }
  return withEngine(given, { ...options, ...own }, logitsDigest)
}

export async function progress({ source }) {
  let last
  const onProgress = (now) => {
    last = now
  }
  await withEngine(source, { n_ctx: 64, onProgress, cache: 'no-store' }, () => {})
  return last
}

export async function failure({ source, options: { abortAfter, ...options } = {} }) {
  const abort = new AbortController()
  if (abortAfter === 0) abort.abort()
  if (abortAfter) setTimeout(() => abort.abort(), abortAfter)
  try {
    await withEngine(source, { ...options, signal: abort.signal }, () => {})
    return { name: 'no error' }
  } catch ({ name, code, message, details }) {
    return { name, code, message, details: details && JSON.parse(JSON.stringify(details)) }
  }
}

export const responsive = ({ source }) =>
  withEngine(source, { n_ctx: 4096 }, async (engine) => {
    let longest = 0
    let last = performance.now()
    const timer = setInterval(() => {
      longest = Math.max(longest, performance.now() - last)
      last = performance.now()
    }, 5)
    const abort = new AbortController()
    const request = { prompt: prompt.repeat(15), max_tokens: -1, ignore_eos: true }
    const running = engine.completions.create({ ...request, signal: abort.signal })
    await new Promise((resolve) => setTimeout(resolve, 300))
    const begin = performance.now()
    abort.abort()
    await running.catch(() => {})
    await engine.memory() // the worker answers again
    clearInterval(timer)
    return { longest, cancelled: performance.now() - begin }
  })
