import type { AnswerFormat, AnswerOptions, ToolChoice, ToolDefinition } from '../../spec/chat.ts'
import type { OpenAiDialect } from './dialect.ts'

/** Tools and which of them may or has to be called; nothing where there are none. */
export function encodeTools(options: AnswerOptions, { takesNamedTool }: OpenAiDialect): object {
  const { tools = [], toolChoice = 'auto', parallelToolCalls } = options
  if (tools.length === 0) return {}
  const isOneOfAll = typeof toolChoice === 'object' && !takesNamedTool
  const offered = isOneOfAll ? tools.filter(({ name }) => name === toolChoice.name) : tools
  return {
    tools: offered.map(encodeTool),
    tool_choice: isOneOfAll ? 'required' : encodeChoice(toolChoice),
    ...(parallelToolCalls !== undefined && { parallel_tool_calls: parallelToolCalls }),
  }
}

export function encodeFormat(format: AnswerFormat | undefined, { takesJsonObject }: OpenAiDialect): object {
  if (format === undefined || format.type === 'text') return {}
  if (format.type === 'json' && takesJsonObject) return { response_format: { type: 'json_object' } }
  const schema = format.type === 'json' ? { type: 'object' } : format.schema
  return { response_format: { type: 'json_schema', json_schema: { name: 'answer', strict: true, schema } } }
}

function encodeTool({ name, description, parameters, strict }: ToolDefinition): object {
  return {
    type: 'function',
    function: {
      name,
      ...(description !== undefined && { description }),
      // Some upstreams refuse a tool without a schema.
      parameters: parameters ?? { type: 'object', properties: {} },
      ...(strict !== undefined && { strict }),
    },
  }
}

function encodeChoice(choice: ToolChoice): unknown {
  return typeof choice === 'object' ? { type: 'function', function: { name: choice.name } } : choice
}
