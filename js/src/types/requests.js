// What chat.completions and completions take: the parameters of OpenAI and of llama-server,
// under their names. Types only.

/** @typedef {{ type: 'text', text: string }} TextPart */

/**
 * @typedef {object} ChatMessage
 * @property {string} role system, user, assistant, tool …
 * @property {string | TextPart[] | null} [content]
 * @property {string} [name]
 * @property {any[]} [tool_calls]
 * @property {string} [tool_call_id]
 */

/**
 * What sampling and length have in common. Left out is the core's default.
 * @typedef {object} SamplingOptions
 * @property {string} [model] accepted for OpenAI's sake
 * @property {string} [user] accepted for OpenAI's sake
 * @property {1 | null} [n]
 * @property {number | null} [temperature] 0: always the likeliest token
 * @property {number | null} [top_k] 0: off
 * @property {number | null} [top_p] 1: off
 * @property {number | null} [min_p] 0: off
 * @property {number | null} [typical_p] 1: off
 * @property {number | null} [repeat_penalty] 1: off
 * @property {number | null} [repeat_last_n] tokens that penalties look back; -1: all
 * @property {number | null} [presence_penalty]
 * @property {number | null} [frequency_penalty]
 * @property {Record<string, number> | null} [logit_bias] by token id; -Infinity bans
 * @property {number | bigint | null} [seed]
 * @property {string | string[] | null} [stop]
 * @property {number | null} [max_tokens] -1 or left out: to the end of the context
 * @property {boolean | null} [ignore_eos]
 * @property {boolean | null} [cache_prompt] false: neither reuse nor keep this request's KV state
 * @property {boolean | null} [prompt_lookup] false: no drafts from earlier tokens;
 *   the answer is the same
 * @property {AbortSignal} [signal]
 * @property {{ include_usage?: boolean } | null} [stream_options]
 */

/**
 * @typedef {object} ChatOptions
 * @property {ChatMessage[]} messages
 * @property {any[] | null} [tools] definitions, for the template
 * @property {'auto' | 'none' | null} [tool_choice]
 * @property {{ type: 'text' } | null} [response_format]
 * @property {string | null} [chat_template] Jinja, or the name of one of the model's:
 *   `tool_use`, `rag` …
 * @property {Record<string, any> | null} [chat_template_kwargs] variables for the template
 * @property {number | null} [max_completion_tokens] the same as max_tokens
 * @property {boolean | null} [logprobs]
 * @property {number | null} [top_logprobs] 0 to 20
 */

/**
 * @typedef {object} TextOptions
 * @property {string | number[] | Int32Array} prompt text or token ids
 * @property {boolean | null} [add_special] BOS as the model wants it; true if left out
 * @property {boolean | null} [parse_special] the prompt is trusted: special tokens in it count
 * @property {number | null} [logprobs] how many of the likeliest tokens to list, 0 to 20
 */

/** @typedef {ChatOptions & SamplingOptions & { stream?: boolean | null }} ChatCompletionRequest */
/** @typedef {TextOptions & SamplingOptions & { stream?: boolean | null }} CompletionRequest */

/**
 * What embeddings.create takes: OpenAI's parameters.
 * @typedef {object} EmbeddingRequest
 * @property {string | string[] | number[] | Int32Array | (number[] | Int32Array)[]} input texts,
 *   or their token ids as they go through the model, special ones included
 * @property {'float' | 'base64' | null} [encoding_format] base64: of the float32 bytes; float if
 *   left out
 * @property {number | null} [dimensions] accepted where it is the model's own
 * @property {string} [model] accepted for OpenAI's sake
 * @property {string} [user] accepted for OpenAI's sake
 * @property {AbortSignal} [signal]
 */

/**
 * How text becomes tokens.
 * @typedef {object} TokenizeOptions
 * @property {boolean} [add_special] BOS and EOS as the model wants them
 * @property {boolean} [parse_special] the text is trusted: special tokens in it are recognised
 */

/**
 * @typedef {object} TemplateOptions
 * @property {any[] | null} [tools]
 * @property {boolean | null} [add_generation_prompt] true if left out
 * @property {string | null} [chat_template] Jinja, or the name of one of the model's:
 *   `tool_use`, `rag` …
 * @property {Record<string, any> | null} [chat_template_kwargs]
 */

export {}
