import { z } from 'zod'
import type { InferRequest } from '../../spec/admin.ts'
import { resourceError } from '../../spec/errors.ts'
import { MAX_TOP_LOGPROBS } from '../../spec/tool-limits.ts'
import { checkBody, invalid } from '../check-body.ts'
import type { SaidInBody } from '../reception.ts'
import { wishFields } from '../request-wish.ts'
import { decodeFields, requestFields } from './request-fields.ts'

/** What OpenAI's API generates where a request does not say. */
const DEFAULT_MAX_TOKENS = 16

const completionRequest = z.looseObject({
  ...requestFields,
  ...wishFields,
  prompt: z.union([z.string(), z.array(z.string()).length(1)], {
    error: 'must be a text, or a list of one: several prompts and lists of tokens are not served',
  }),
  suffix: z.string().nullish(),
  echo: z.boolean().nullish(),
  logprobs: z.number().int().min(0).max(MAX_TOP_LOGPROBS).nullish(),
  best_of: z.literal(1, { error: 'must be 1: one answer a request' }).nullish(),
})

export interface DecodedCompletion {
  readonly request: InferRequest
  readonly includeUsage: boolean
  /** What is put in front of the answer; empty = nothing. */
  readonly echo: string
  readonly said: SaidInBody
}

/** Decodes a body of `POST /v1/completions`. Throws `invalid-request` and, for the prompt's own, `logprobs-unsupported`. */
export function decodeCompletion(body: unknown): DecodedCompletion {
  const asked = checkBody(completionRequest, body)
  const { echo, logprobs, suffix, max_tokens: maxTokens } = asked
  const prompt = typeof asked.prompt === 'string' ? asked.prompt : (asked.prompt[0] ?? '')
  if (prompt === '' && !suffix) throw invalid('prompt: must not be empty.', 'prompt')
  if (echo && logprobs != null) {
    const message = "The log probabilities of a prompt's own tokens are not served. Leave out echo or logprobs."
    throw resourceError('logprobs-unsupported', message, { details: { param: 'echo' } })
  }
  return {
    request: {
      ...decodeFields(asked),
      maxTokens: maxTokens ?? DEFAULT_MAX_TOKENS,
      messages: [],
      completion: { prompt, ...(suffix && { suffix }) },
      ...(logprobs != null && { topLogprobs: logprobs }),
    },
    includeUsage: asked.stream_options?.include_usage ?? false,
    echo: echo ? prompt : '',
    said: { wish: asked },
  }
}
