import type { ToolChoice, ToolDefinition } from '../spec/chat.ts'
import { invalid } from './check-body.ts'

/**
 * The choice where there is one: without tools `auto` and `none` say nothing. Throws `invalid-request` when it asks for a
 * call of what is not there.
 */
export function checkedChoice(choice: ToolChoice, tools: readonly ToolDefinition[]): ToolChoice | undefined {
  if (choice === 'none' || choice === 'auto') return tools.length > 0 ? choice : undefined
  if (tools.length === 0) throw invalid('tool_choice asks for a call, but there are no tools.', 'tool_choice')
  if (choice === 'required' || tools.some(({ name }) => name === choice.name)) return choice
  throw invalid(`tool_choice names '${choice.name.slice(0, 128)}', which is none of the tools.`, 'tool_choice')
}
