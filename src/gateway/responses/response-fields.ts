import { z } from 'zod'
import { MAX_TOOLS, MAX_TOP_LOGPROBS, TOOL_NAME, TOOL_NAME_WORDS } from '../../spec/tool-limits.ts'
import { type ReasoningEffort, reasoningEffort } from '../openai/reasoning-effort.ts'
import { type FieldChecks, requestFields } from '../openai/request-fields.ts'

/** A function as the Responses API describes it: flat, where chat completions nest it. */
export interface FunctionTool {
  readonly type: 'function'
  readonly name: string
  readonly description?: string | null | undefined
  readonly parameters?: Readonly<Record<string, unknown>> | null | undefined
  readonly strict?: boolean | null | undefined
}

type NamedFunction = { readonly type: 'function'; readonly name: string }

export type SentChoice =
  | 'none'
  | 'auto'
  | 'required'
  | NamedFunction
  | { readonly type: 'allowed_tools'; readonly mode: 'auto' | 'required'; readonly tools: readonly NamedFunction[] }

export type SentFormat =
  | { readonly type: 'text' | 'json_object' }
  | { readonly type: 'json_schema'; readonly name?: string | undefined; readonly schema?: unknown }

const functionTool: z.ZodType<FunctionTool> = z.looseObject({
  type: z.literal('function', { error: "must be 'function': tools that a server runs by itself are not served" }),
  name: z.string().regex(TOOL_NAME, TOOL_NAME_WORDS),
  description: z.string().nullish(),
  parameters: z.record(z.string(), z.unknown()).nullish(),
  strict: z.boolean().nullish(),
})
const namedFunction = z.looseObject({ type: z.literal('function'), name: z.string() })
const toolChoice: z.ZodType<SentChoice> = z.union(
  [
    z.enum(['none', 'auto', 'required']),
    namedFunction,
    z.looseObject({
      type: z.literal('allowed_tools'),
      mode: z.enum(['auto', 'required']),
      tools: z.array(namedFunction).min(1).max(MAX_TOOLS),
    }),
  ],
  {
    error:
      'must be none, auto, required, {"type": "function", "name": …}, or {"type": "allowed_tools", "mode": …, "tools": […]} with functions',
  },
)
const format: z.ZodType<SentFormat> = z.union(
  [
    z.looseObject({ type: z.enum(['text', 'json_object']) }),
    z.looseObject({ type: z.literal('json_schema'), name: z.string().optional(), schema: z.unknown() }),
  ],
  { error: 'must be of type text, json_object, or json_schema with a schema' },
)
const background = 'must be false: an answer is made while its client waits'
const prompt = 'is not served: prompts are not kept here. Send it as instructions'
const conversation =
  'is not served. Continue with previous_response_id, and name the conversation in metadata.conversation_id'

/** The fields of `POST /v1/responses` beside those that every request has. */
export interface ResponseFields {
  readonly input?: unknown
  readonly instructions?: string | null | undefined
  readonly previous_response_id?: string | null | undefined
  readonly store?: boolean | null | undefined
  readonly max_output_tokens?: number | null | undefined
  readonly tools?: readonly FunctionTool[] | null | undefined
  readonly tool_choice?: SentChoice | null | undefined
  readonly parallel_tool_calls?: boolean | null | undefined
  readonly text?: { readonly format?: SentFormat | null | undefined } | null | undefined
  readonly reasoning?: { readonly effort?: ReasoningEffort | null | undefined } | null | undefined
  readonly top_logprobs?: number | null | undefined
  readonly include?: readonly string[] | null | undefined
  readonly metadata?: Readonly<Record<string, unknown>> | null | undefined
  readonly truncation?: 'auto' | 'disabled' | null | undefined
  readonly prompt_cache_key?: string | null | undefined
  readonly safety_identifier?: string | null | undefined
  readonly user?: string | null | undefined
  readonly background?: false | null | undefined
  readonly conversation?: null | undefined
  readonly prompt?: null | undefined
}

/**
 * {@link ResponseFields} to be checked. What is accepted and changes nothing, because nothing here could act on it, and
 * no answer is wrong without: `user`, `safety_identifier`, `service_tier`, `max_tool_calls` (of tools that a server runs),
 * `text.verbosity`, `reasoning.summary`, `stream_options.include_obfuscation`, and of `include` all but log probabilities.
 * `truncation: auto` would let the API leave out messages; here none ever is, and what is too long is refused.
 */
export const responseFields: FieldChecks<ResponseFields> = {
  input: z.unknown().optional(),
  instructions: z.string({ error: 'must be a text' }).nullish(),
  previous_response_id: z.string().max(200).nullish(),
  store: z.boolean().nullish(),
  max_output_tokens: requestFields.max_tokens,
  tools: z.array(functionTool).max(MAX_TOOLS).nullish(),
  tool_choice: toolChoice.nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  text: z.looseObject({ format: format.nullish() }).nullish(),
  reasoning: z.looseObject({ effort: reasoningEffort.nullish() }).nullish(),
  top_logprobs: z.number().int().min(0).max(MAX_TOP_LOGPROBS).nullish(),
  include: z.array(z.string()).max(100).nullish(),
  metadata: z.record(z.string(), z.unknown()).nullish(),
  truncation: z.enum(['auto', 'disabled'], { error: 'must be auto or disabled' }).nullish(),
  prompt_cache_key: z.string().nullish(),
  safety_identifier: z.string().nullish(),
  user: z.string().nullish(),
  background: z.literal(false, { error: background }).nullish(),
  conversation: z.null({ error: conversation }).optional(),
  prompt: z.null({ error: prompt }).optional(),
}
