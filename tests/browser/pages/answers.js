// What a model answers, in a page and in Node.js: tokens with log-probabilities, or embeddings.
const ids = [5, 70, 9, 30, 31, 8, 77, 12]

export async function answerOf(engine) {
  if (engine.info.pooling !== 'none') {
    const { data } = await engine.embeddings.create({ input: [ids, ids.slice(3)] })
    return { tokens: [], numbers: data.flatMap(({ embedding }) => embedding) }
  }
  const greedy = { prompt: ids, max_tokens: 4, temperature: 0, ignore_eos: true, logprobs: 1 }
  const { choices } = await engine.completions.create(greedy)
  const { tokens, token_logprobs } = choices[0].logprobs
  return { tokens, numbers: token_logprobs }
}
