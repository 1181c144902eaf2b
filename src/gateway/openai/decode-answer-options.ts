import { z } from 'zod'
import type { AnswerFormat, AnswerOptions, ToolChoice, ToolDefinition } from '../../spec/chat.ts'
import { MAX_TOOLS, MAX_TOP_LOGPROBS, TOOL_NAME, TOOL_NAME_WORDS } from '../../spec/tool-limits.ts'
import { invalid } from '../check-body.ts'
import { type ReasoningEffort, reasoningEffort } from './reasoning-effort.ts'
import { checkedChoice } from '../tool-choice.ts'
import type { FieldChecks } from './request-fields.ts'

/** A tool as OpenAI's clients send it. */
interface SentTool {
  readonly type: 'function'
  readonly function: {
    readonly name: string
    readonly description?: string | null | undefined
    readonly parameters?: Readonly<Record<string, unknown>> | null | undefined
    readonly strict?: boolean | null | undefined
  }
}

type SentChoice = 'none' | 'auto' | 'required' | { readonly function: { readonly name: string } }

type SentFormat =
  | { readonly type: 'text' | 'json_object' }
  | { readonly type: 'json_schema'; readonly json_schema: { readonly schema?: unknown } }

const tool: z.ZodType<SentTool> = z.looseObject({
  type: z.literal('function', { error: "must be 'function': no other kind of tool is served" }),
  function: z.looseObject({
    name: z.string().regex(TOOL_NAME, TOOL_NAME_WORDS),
    description: z.string().nullish(),
    parameters: z.record(z.string(), z.unknown()).nullish(),
    strict: z.boolean().nullish(),
  }),
})
const toolChoice: z.ZodType<SentChoice> = z.union(
  [
    z.enum(['none', 'auto', 'required']),
    z.looseObject({ type: z.literal('function'), function: z.looseObject({ name: z.string() }) }),
  ],
  { error: 'must be none, auto, required, or {"type": "function", "function": {"name": …}}' },
)
const responseFormat: z.ZodType<SentFormat> = z.union(
  [
    z.looseObject({ type: z.enum(['text', 'json_object']) }),
    z.looseObject({ type: z.literal('json_schema'), json_schema: z.looseObject({ schema: z.unknown() }) }),
  ],
  { error: 'must be of type text, json_object, or json_schema with a schema in json_schema.schema' },
)

/** The fields of a chat request that say how the answer is to come about. */
export interface AnswerFields {
  readonly tools?: readonly SentTool[] | null | undefined
  readonly tool_choice?: SentChoice | null | undefined
  readonly parallel_tool_calls?: boolean | null | undefined
  readonly response_format?: SentFormat | null | undefined
  readonly logprobs?: boolean | null | undefined
  readonly top_logprobs?: number | null | undefined
  readonly reasoning_effort?: ReasoningEffort | null | undefined
  /** As vLLM and llama-server take it. */
  readonly chat_template_kwargs?: { readonly enable_thinking?: boolean | undefined } | null | undefined
  readonly functions?: null | undefined
  readonly function_call?: null | undefined
}

export const answerFields: FieldChecks<AnswerFields> = {
  tools: z.array(tool).max(MAX_TOOLS).nullish(),
  tool_choice: toolChoice.nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  response_format: responseFormat.nullish(),
  logprobs: z.boolean().nullish(),
  top_logprobs: z.number().int().min(0).max(MAX_TOP_LOGPROBS).nullish(),
  reasoning_effort: reasoningEffort.nullish(),
  chat_template_kwargs: z.looseObject({ enable_thinking: z.boolean().optional() }).nullish(),
  functions: z.null({ error: 'is replaced by tools; send the functions there' }).optional(),
  function_call: z.null({ error: 'is replaced by tool_choice; name the function there' }).optional(),
}

/** Throws `invalid-request` naming the field. */
export function decodeAnswerOptions(fields: AnswerFields): AnswerOptions {
  const tools = fields.tools?.map(decodeTool) ?? []
  const choice = decodeChoice(fields.tool_choice, tools)
  const format = decodeFormat(fields.response_format)
  const thinking = decodeThinking(fields)
  const { parallel_tool_calls: parallel, logprobs, top_logprobs: top } = fields
  if (top != null && !logprobs) throw invalid('top_logprobs needs logprobs: true.', 'top_logprobs')
  return {
    ...(tools.length > 0 && { tools }),
    ...(choice !== undefined && { toolChoice: choice }),
    ...(tools.length > 0 && parallel != null && { parallelToolCalls: parallel }),
    ...(format && { format }),
    ...(logprobs && { topLogprobs: top ?? 0 }),
    ...(thinking !== undefined && { thinking }),
  }
}

function decodeTool({ function: called }: SentTool): ToolDefinition {
  const { name, description, parameters, strict } = called
  return {
    name,
    ...(description != null && { description }),
    ...(parameters != null && { parameters }),
    ...(strict != null && { strict }),
  }
}

function decodeChoice(choice: AnswerFields['tool_choice'], tools: readonly ToolDefinition[]): ToolChoice | undefined {
  if (choice == null) return undefined
  return checkedChoice(typeof choice === 'string' ? choice : { name: choice.function.name }, tools)
}

function decodeFormat(format: AnswerFields['response_format']): AnswerFormat | undefined {
  if (format?.type === 'json_object') return { type: 'json' }
  if (format?.type === 'json_schema') return { type: 'schema', schema: format.json_schema.schema }
  return undefined
}

function decodeThinking({ reasoning_effort: effort, chat_template_kwargs: kwargs }: AnswerFields): boolean | undefined {
  return kwargs?.enable_thinking ?? (effort == null ? undefined : effort !== 'none')
}
