import { z } from 'zod'
import type { AnswerOptions, ToolChoice, ToolDefinition } from '../../spec/chat.ts'
import { MAX_TOOLS, TOOL_NAME, TOOL_NAME_WORDS } from '../../spec/tool-limits.ts'
import { invalid } from '../check-body.ts'
import type { FieldChecks } from '../openai/request-fields.ts'
import { checkedChoice } from '../tool-choice.ts'

interface SentTool {
  readonly name: string
  readonly description?: string | null | undefined
  readonly input_schema: Readonly<Record<string, unknown>>
  readonly strict?: boolean | null | undefined
}

interface SentChoice {
  readonly type: 'auto' | 'any' | 'tool' | 'none'
  readonly name?: string | null | undefined
  readonly disable_parallel_tool_use?: boolean | null | undefined
}

interface SentThinking {
  readonly type: 'enabled' | 'adaptive' | 'between_tools' | 'disabled'
  readonly display?: 'summarized' | 'omitted' | null | undefined
}

interface SentFormat {
  readonly type: 'json_schema'
  readonly schema: Readonly<Record<string, unknown>>
}

const tool: z.ZodType<SentTool> = z.looseObject({
  // A model that was told of such a tool would make up what it found, and one that was not would be asked to use it.
  type: z
    .literal('custom', {
      error:
        "must be custom: tools that run on Anthropic's servers, and those whose schema only its own models know, " +
        'are not served; leave them out, or send one of your own with an input_schema',
    })
    .nullish(),
  name: z.string().regex(TOOL_NAME, TOOL_NAME_WORDS),
  description: z.string().nullish(),
  input_schema: z.record(z.string(), z.unknown()),
  strict: z.boolean().nullish(),
})
const toolChoice: z.ZodType<SentChoice> = z.looseObject({
  type: z.enum(['auto', 'any', 'tool', 'none'], { error: 'must be auto, any, tool or none' }),
  name: z.string().nullish(),
  disable_parallel_tool_use: z.boolean().nullish(),
})
const thinking: z.ZodType<SentThinking> = z.looseObject({
  type: z.enum(['enabled', 'adaptive', 'between_tools', 'disabled'], {
    error: 'must be enabled, adaptive, between_tools or disabled',
  }),
  display: z.enum(['summarized', 'omitted'], { error: 'must be summarized or omitted' }).nullish(),
})
const format: z.ZodType<SentFormat> = z.looseObject({
  type: z.literal('json_schema', { error: 'must be json_schema' }),
  schema: z.record(z.string(), z.unknown()),
})

/** The fields that say how the answer is to come about. */
export interface AnswerFields {
  readonly tools?: readonly SentTool[] | null | undefined
  readonly tool_choice?: SentChoice | null | undefined
  readonly thinking?: SentThinking | null | undefined
  readonly output_config?: { readonly format?: SentFormat | null | undefined } | null | undefined
  /** The place of `output_config.format` while it was tried out; its clients are still about. */
  readonly output_format?: SentFormat | null | undefined
  readonly mcp_servers?: readonly unknown[] | null | undefined
}

export const answerFields: FieldChecks<AnswerFields> = {
  tools: z.array(tool).max(MAX_TOOLS).nullish(),
  tool_choice: toolChoice.nullish(),
  thinking: thinking.nullish(),
  output_config: z.looseObject({ format: format.nullish() }).nullish(),
  output_format: format.nullish(),
  mcp_servers: z.array(z.unknown()).max(0, 'are not served: connect to them yourself and send their tools').nullish(),
}

/** Throws `invalid-request` naming the field. */
export function decodeAnswerOptions(fields: AnswerFields): AnswerOptions {
  const tools = fields.tools?.map(decodeTool) ?? []
  const choice = fields.tool_choice ? checkedChoice(decodeChoice(fields.tool_choice), tools) : undefined
  const single = fields.tool_choice?.disable_parallel_tool_use
  const schema = (fields.output_config?.format ?? fields.output_format)?.schema
  return {
    ...(tools.length > 0 && { tools }),
    ...(choice !== undefined && { toolChoice: choice }),
    ...(tools.length > 0 && single != null && { parallelToolCalls: !single }),
    ...(schema && { format: { type: 'schema', schema } }),
    thinking: isOn(fields.thinking),
  }
}

/**
 * Is what the model thinks to be told? Only where thinking was asked for: other clients do not expect blocks of it, and
 * their answer would begin with something else than text.
 */
export function showsThinking({ thinking: asked }: AnswerFields): boolean {
  return isOn(asked) && asked?.display !== 'omitted'
}

/**
 * A request that says nothing gets no thinking, as with Anthropic's own: what a model thought would be paid for in time and
 * `max_tokens`, and not be seen. Templates know on and off only, so a budget has no effect.
 */
function isOn(asked: SentThinking | null | undefined): boolean {
  return asked != null && asked.type !== 'disabled'
}

function decodeTool({ name, description, input_schema: parameters, strict }: SentTool): ToolDefinition {
  return {
    name,
    ...(description != null && { description }),
    parameters,
    ...(strict != null && { strict }),
  }
}

function decodeChoice({ type, name }: SentChoice): ToolChoice {
  if (type === 'any') return 'required'
  if (type !== 'tool') return type
  if (name == null) throw invalid('tool_choice.name: must be the name of one of the tools.', 'tool_choice.name')
  return { name }
}
