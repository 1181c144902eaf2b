import type { GenerateRequest, SamplingOptions } from '../../spec/chat.ts'
import { resourceError } from '../../spec/errors.ts'
import type { OpenAiDialect } from './dialect.ts'
import { encodeMessage } from './encode-message.ts'
import { encodeFormat, encodeTools } from './encode-options.ts'

type Body = Readonly<Record<string, unknown>>

/**
 * Body of `POST /chat/completions`: a stream that ends with its usage.
 * Throws `logprobs-unsupported` where the upstream would leave some of them out.
 */
export function chatBody(model: string, request: GenerateRequest, dialect: OpenAiDialect): Body {
  const { messages, thinking, topLogprobs, format, tools = [] } = request
  const isForm = tools.length > 0 || (format !== undefined && format.type !== 'text')
  if (topLogprobs !== undefined && isForm && !dialect.tellsLogprobsOfForms) {
    const message =
      'This engine does not tell all log probabilities of an answer that is held to a form or may call tools. Leave out one of both.'
    throw resourceError('logprobs-unsupported', message)
  }
  return {
    ...commonFields(model, request, dialect),
    messages: messages.map(encodeMessage),
    ...encodeTools(request, dialect),
    ...encodeFormat(format, dialect),
    ...(topLogprobs !== undefined && { logprobs: true, top_logprobs: askedLogprobs(topLogprobs) }),
    ...(thinking !== undefined &&
      dialect.takesTemplateOptions && { chat_template_kwargs: { enable_thinking: thinking } }),
  }
}

/**
 * Body of `POST /completions`: text that is continued as it is.
 * Throws `suffix-unsupported` where the upstream would pass over what is to come after.
 */
export function completionBody(model: string, request: GenerateRequest, dialect: OpenAiDialect): Body {
  const { completion, topLogprobs } = request
  const { prompt, suffix } = completion ?? { prompt: '' }
  if (suffix !== undefined && !dialect.takesSuffix) {
    const message = 'This engine fills no gaps over its completions API. Leave out `suffix`, or ask another model.'
    throw resourceError('suffix-unsupported', message)
  }
  return {
    ...commonFields(model, request, dialect),
    prompt,
    ...(suffix !== undefined && { suffix }),
    ...(topLogprobs !== undefined && { logprobs: askedLogprobs(topLogprobs) }),
  }
}

function commonFields(model: string, request: GenerateRequest, dialect: OpenAiDialect): Body {
  const { sampling, maxTokens, stop } = request
  return {
    model,
    stream: true,
    stream_options: { include_usage: true },
    ...encodeSampling(sampling, dialect),
    ...(maxTokens !== undefined && { [dialect.maxTokensField]: maxTokens }),
    ...(stop.length > 0 && { stop }),
    ...dialect.extraFields,
  }
}

function encodeSampling(sampling: SamplingOptions, { takesLocalSampling }: OpenAiDialect): Body {
  const fields = {
    temperature: sampling.temperature,
    top_p: sampling.topP,
    seed: sampling.seed,
    frequency_penalty: sampling.frequencyPenalty,
    presence_penalty: sampling.presencePenalty,
    ...(takesLocalSampling && {
      top_k: sampling.topK,
      min_p: sampling.minP,
      repeat_penalty: sampling.repeatPenalty,
    }),
  }
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}

/** llama-server takes 0 alternatives for no log probabilities at all, so one more is asked for and left out later. */
function askedLogprobs(topLogprobs: number): number {
  return Math.max(1, topLogprobs)
}
