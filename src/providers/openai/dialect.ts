/** In what an upstream that speaks OpenAI's HTTP goes beyond OpenAI, or falls short of it. */
export interface OpenAiDialect {
  /** It takes `top_k`, `min_p` and `repeat_penalty`; one that does not may refuse the whole request for them. */
  readonly takesLocalSampling: boolean
  /** `chat_template_kwargs` reach the model's own template, so that it can be told whether to think. */
  readonly takesTemplateOptions: boolean
  /** `tool_choice` may name a tool. Where not, that tool alone is offered, and a call required. */
  readonly takesNamedTool: boolean
  /** `/completions` takes a `suffix`. */
  readonly takesSuffix: boolean
  /** It knows `response_format: json_object`. Where not, a schema of any object is asked for. */
  readonly takesJsonObject: boolean
  /** Log probabilities come with an answer that is held to a form or may call tools, too. */
  readonly tellsLogprobsOfForms: boolean
  /** What the limit of an answer is called. */
  readonly maxTokensField: 'max_tokens' | 'max_completion_tokens'
  /** Sent with every request that generates: `{ttl: 3600}`. */
  readonly extraFields: Readonly<Record<string, unknown>>
}

/** OpenAI's own API and what keeps close to it. */
export const PLAIN_OPENAI: OpenAiDialect = {
  takesLocalSampling: false,
  takesTemplateOptions: false,
  takesNamedTool: true,
  takesSuffix: true,
  takesJsonObject: true,
  tellsLogprobsOfForms: true,
  maxTokensField: 'max_tokens',
  extraFields: {},
}

/**
 * llama-server as of llama.cpp b11434. A `tool_choice` that is no text is taken for `auto` (server-common.cpp), a
 * `suffix` is passed over; a stream that is held to a form
 * leaves out the log probabilities of text that it keeps back, and one with tools refuses them. Pings keep a silent stream visible, and let the server notice that its client is gone: with
 * its own 30 s a SIGTERM during an answer takes as long (measured).
 */
export const LLAMA_SERVER: OpenAiDialect = {
  ...PLAIN_OPENAI,
  takesLocalSampling: true,
  takesTemplateOptions: true,
  takesNamedTool: false,
  takesSuffix: false,
  tellsLogprobsOfForms: false,
  extraFields: { sse_ping_interval: 3 },
}
