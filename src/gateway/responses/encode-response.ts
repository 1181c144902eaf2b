import type { EndOfAnswer } from '../answer/answer-writer.ts'
import { encodeReceipt } from '../answer/receipt.ts'
import type { ResponseRequest } from './decode-response.ts'
import type { FunctionTool } from './response-fields.ts'

/** What the response is made of, beside what it repeats of its request. */
export interface ResponseState {
  readonly id: string
  /** Seconds since 1970. */
  readonly createdS: number
  readonly status: 'in_progress' | 'completed' | 'incomplete' | 'failed'
  readonly model: string
  readonly output: readonly object[]
  readonly isStored: boolean
  readonly end?: EndOfAnswer
  readonly error?: object
}

/** The response object, as the `openai` package types it: https://platform.openai.com/docs/api-reference/responses/object */
export function encodeResponse(state: ResponseState, asked: ResponseRequest): object {
  const { id, createdS, status, model, output, end, error = null } = state
  return {
    id,
    object: 'response',
    created_at: createdS,
    completed_at: status === 'completed' ? Math.floor(Date.now() / 1_000) : null,
    status,
    access_programs: null,
    background: false,
    error,
    incomplete_details: status === 'incomplete' ? { reason: 'max_output_tokens' } : null,
    model,
    output,
    ...repeated(asked),
    store: state.isStored,
    // Nothing is ever cut, also where `auto` would allow it.
    truncation: 'disabled',
    usage: end ? encodeUsage(end) : null,
  }
}

/** What was asked for; `null` where the request says nothing and the engine's own default counts. */
function repeated(asked: ResponseRequest): object {
  return {
    instructions: asked.instructions ?? null,
    max_output_tokens: asked.max_output_tokens ?? null,
    max_tool_calls: null,
    metadata: asked.metadata ?? {},
    parallel_tool_calls: asked.parallel_tool_calls ?? true,
    previous_response_id: asked.previous_response_id ?? null,
    prompt_cache_key: asked.prompt_cache_key ?? null,
    reasoning: { effort: asked.reasoning?.effort ?? null, summary: null },
    safety_identifier: asked.safety_identifier ?? null,
    service_tier: 'default',
    temperature: asked.temperature ?? null,
    text: { format: asked.text?.format ?? { type: 'text' } },
    tool_choice: asked.tool_choice ?? 'auto',
    tools: (asked.tools ?? []).map(encodeTool),
    top_logprobs: asked.top_logprobs ?? 0,
    top_p: asked.top_p ?? null,
    ...(asked.user != null && { user: asked.user }),
  }
}

function encodeTool({ name, description, parameters, strict }: FunctionTool): object {
  return {
    type: 'function',
    name,
    description: description ?? null,
    parameters: parameters ?? null,
    strict: strict ?? false,
  }
}

/**
 * The API wants numbers; where an engine does not tell how much it reused, `grym.cached_tokens` is `null`. Writes to a cache
 * are what OpenAI bills beside the prompt; nothing is written beside it here.
 */
function encodeUsage(end: EndOfAnswer): object {
  const { promptTokens, cachedTokens, generatedTokens, reasoningTokens } = end.usage
  return {
    input_tokens: promptTokens,
    input_tokens_details: { cached_tokens: cachedTokens ?? 0, cache_write_tokens: 0 },
    output_tokens: generatedTokens,
    output_tokens_details: { reasoning_tokens: reasoningTokens ?? 0 },
    total_tokens: promptTokens + generatedTokens,
    grym: encodeReceipt(end),
  }
}
