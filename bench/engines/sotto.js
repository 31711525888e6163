// sotto behind the interface that all engines of the benchmark have: load, generate, memory, close.
// Runs in a page and in Node.js; `library` is the URL of the package's entry for the host.

/** @type {any} */
let engine

/** Options that later versions of the library know; left out where this one refuses them. */
async function withKnown(options, work) {
  for (let rest = { ...options }; ; ) {
    try {
      return await work(rest)
    } catch (error) {
      const field = error.code === 'invalid_argument' && error.details?.field
      if (!field || !(field in rest)) throw error
      const { [field]: _refused, ...others } = rest
      rest = others
    }
  }
}

/** Puts the file where the next load finds it without the network. */
export async function cache({ source }) {
  const file = await localFile(true)
  const writable = await file.createWritable()
  const response = await fetch(source, { cache: 'no-store' })
  await response.body.pipeTo(writable)
}

const localFile = async (create) =>
  (await navigator.storage.getDirectory()).getFileHandle('model.gguf', { create })

/** How long it takes to fetch a URL and do nothing with it. */
export async function drain({ source }) {
  const begin = performance.now()
  const response = await fetch(source, { cache: 'no-store' })
  for (const reader = response.body.getReader(); !(await reader.read()).done; );
  return { ms: performance.now() - begin }
}

/** `how` is url, path, or cached: what `cache` put away. */
export async function load({ library, source, how, n_ctx, threads, options }) {
  const { loadModel } = await import(library)
  const begin = performance.now()
  const model = how === 'cached' ? await (await localFile(false)).getFile() : source
  const { cache = 'no-store', ...rest } = options ?? {}
  const warnings = []
  const onWarning = ({ message }) => warnings.push(message)
  engine = await withKnown({ n_threads: threads, cache, onWarning }, (more) =>
    loadModel(model, { backend: 'cpu', n_ctx, n_parallel: 1, ...rest, ...more }),
  )
  return {
    ms: performance.now() - begin,
    threads: engine.info.n_threads ?? 1,
    variant: engine.variant,
    load_ms: engine.info.load_ms,
    cache: engine.info.cache,
    warnings,
  }
}

/** Loads until half of the weights are there, and leaves them in the cache. */
export async function loadHalf({ library, source, n_ctx, threads: n_threads, options }) {
  const { loadModel } = await import(library)
  const abort = new AbortController()
  const onProgress = ({ loaded, total }) => loaded > total / 2 && total && abort.abort()
  const { signal } = abort
  const loading = loadModel(source, { n_ctx, n_threads, ...options, signal, onProgress })
  await loading.catch((error) => {
    if (error.name !== 'AbortError') throw error
  })
}

/** Evaluates a prompt of token ids and then n more tokens, one after the other. */
async function generateOne({ ids, n }) {
  const request = { prompt: ids, max_tokens: n + 1, temperature: 0, ignore_eos: true }
  // Prompt lookup is measured on its own: here every token costs a pass.
  const reply = await withKnown({ prompt_lookup: false, cache_prompt: false }, (more) =>
    engine.completions.create({ ...request, ...more }),
  )
  return reply.timings
}

/** The same with `copies` requests at once, whose prompts are turned about. */
export async function generate({ ids, n, copies = 1 }) {
  const begin = performance.now()
  const turned = Array.from({ length: copies }, (_, i) => [...ids.slice(i), ...ids.slice(0, i)])
  const timings = await Promise.all(turned.map((prompt) => generateOne({ ids: prompt, n })))
  const wall_ms = performance.now() - begin
  const sum = (field) => timings.reduce((total, one) => total + one[field], 0)
  const longest = (field) => Math.max(...timings.map((one) => one[field]))
  return {
    wall_ms,
    prompt_n: sum('prompt_n'),
    cache_n: sum('cache_n'),
    prompt_ms: longest('prompt_ms'),
    decode_n: sum('predicted_n') - copies,
    decode_ms: longest('predicted_ms'),
  }
}

/** One token behind a prompt that may be in the cache. */
export async function complete({ ids }) {
  const reply = await engine.completions.create({ prompt: ids, max_tokens: 1, temperature: 0 })
  return reply.timings
}

/** A chat request as it stands. */
export async function answer(request) {
  const { choices, timings } = await engine.chat.completions.create(request)
  return { text: choices[0].message.content, timings }
}

/** Bytes of linear memory. */
export async function memory() {
  return { linear: (await engine.memory()).module }
}

export async function close() {
  await engine?.dispose()
  engine = undefined
}
