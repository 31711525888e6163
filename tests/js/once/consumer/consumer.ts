// A user's program in strict TypeScript. It is compiled, not run.
import {
  type ChatCompletion,
  type ChatMessage,
  type Engine,
  ERROR_CODES,
  loadModel,
  type ModelSource,
  SottoError,
  type Timings,
} from 'sotto'

export async function main(file: Blob, stream: ReadableStream<Uint8Array>): Promise<number> {
  const abort = new AbortController()
  const engine: Engine = await loadModel('https://models.example/m.gguf', {
    n_ctx: 4096,
    variant: 'simd128',
    memory_budget: 2e9,
    fetchOptions: { headers: { authorization: 'Bearer x' } },
    signal: abort.signal,
    prefill: { messages: [{ role: 'system', content: 'Be brief.' }], add_generation_prompt: false },
    cache: 'force-cache',
    sha256: 'a'.repeat(64),
    onWarning: ({ code, message }) => console.log(code, message),
    onProgress: ({ status, loaded, total }) => {
      const known: 'header' | 'weights' | 'prefill' | 'verify' | 'ready' = status
      console.log(known, loaded / total)
    },
  })
  const source: ModelSource = {
    supportsRanges: false,
    async *read(offset: number, length: number, signal: AbortSignal) {
      signal.throwIfAborted()
      yield new Uint8Array(Math.min(offset, length))
    },
  }
  const repository = { repo: 'owner/name', file: 'm.gguf', revision: 'v1' }
  await loadModel(repository, { retry: { attempts: 3, stallMs: 5000 } })
  await Promise.all([loadModel(file), loadModel(stream), loadModel([new Uint8Array(8), source])])

  const messages: ChatMessage[] = [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: [{ type: 'text', text: 'Hello' }] },
  ]
  const whole: ChatCompletion = await engine.chat.completions.create({ messages, logprobs: true })
  const text: string = whole.choices[0].message.content
  const likeliest = whole.choices[0].logprobs?.content[0]?.top_logprobs[0]?.token
  const timings: Timings = whole.timings

  const chunks = await engine.chat.completions.create({ messages, stream: true })
  for await (const chunk of chunks) {
    const piece: string | undefined = chunk.choices[0]?.delta.content
    if (piece === undefined) chunks.abort()
  }
  const completion = await engine.completions.create({ prompt: [1, 2], seed: 7n, stop: ['\n'] })
  const perhaps: boolean = Math.random() < 0.5
  const either = await engine.completions.create({ prompt: text, stream: perhaps })
  if ('choices' in either) console.log(either.usage.total_tokens)

  const ids: number[] = await engine.tokenize('text', { add_special: true })
  const state: Uint8Array = await engine.saveState({ tokens: ids })
  const { n_tokens } = await engine.loadState(state)
  const { perplexity } = await engine.score('text')
  const { data } = await engine.embeddings.create({ input: ['text', 'more'] })
  const vector: number[] = data[0]?.embedding ?? []
  const packed = await engine.embeddings.create({ input: ids, encoding_format: 'base64' })
  const base64: string = packed.data[vector.length]?.embedding ?? ''
  console.log(base64, engine.info.pooling === 'mean', packed.usage.prompt_tokens)
  for await (const { logits } of engine.logits({ prompt: 'text', max_tokens: 1 })) {
    const first: number | undefined = logits[0]
    console.log(first)
  }
  await engine[Symbol.asyncDispose]()
  return (
    n_tokens +
    perplexity +
    timings.predicted_n +
    timings.draft_n_accepted +
    completion.usage.total_tokens +
    (likeliest?.length ?? 0)
  )
}

export function explain(error: unknown): string {
  if (!(error instanceof SottoError)) return String(error)
  const advice: string = ERROR_CODES[error.code]
  return error.code === 'memory_budget_exceeded' ? `${error.details.plan.total}` : advice
}

export async function mistakes(engine: Engine): Promise<void> {
  // @ts-expect-error no such option
  await loadModel('m.gguf', { n_context: 1 })
  // @ts-expect-error a prompt is missing
  await engine.completions.create({ max_tokens: 1 })
  // @ts-expect-error the input is missing
  await engine.embeddings.create({ encoding_format: 'float' })
  // @ts-expect-error messages are objects
  await engine.chat.completions.create({ messages: ['hello'] })
  // @ts-expect-error no such code
  new SottoError('no_such_code', 'text')
}
