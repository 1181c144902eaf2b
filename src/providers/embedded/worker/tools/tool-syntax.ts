/**
 * How a family of models writes calls of tools, as text with the name and the arguments (JSON) in it:
 *
 * `opening` name `afterName` arguments `closing` ( `between` name `afterName` arguments `closing` )* `ending`
 */
export interface ToolSyntax {
  readonly name: string
  /** Does a chat template have its model write calls so? */
  readonly isOf: (template: string) => boolean
  /** What calls begin with, so that they can be told from text. */
  readonly trigger: string
  /** Calls come at the very beginning of an answer or not at all: their trigger could stand in any text. */
  readonly isAtStart?: boolean
  /** Begins with the trigger. */
  readonly opening: string
  readonly afterName: string
  readonly closing: string
  /** Absent: one call an answer. */
  readonly between?: string
  readonly ending: string
  /** `object`: name and arguments are fields of one; `marked`: they stand between marks; `tags`: arguments are no JSON. */
  readonly form: 'object' | 'marked' | 'tags'
  /** Call ids have exactly nine letters and digits: the template refuses others. */
  readonly hasShortIds?: boolean
}

/** For templates that do not say how: what the grammar forces, and what many models write by themselves. */
export const PLAIN_SYNTAX: ToolSyntax = {
  name: 'plain',
  isOf: () => false,
  trigger: '{"name"',
  isAtStart: true,
  opening: '{"name": "',
  afterName: '", "arguments": ',
  closing: '}',
  ending: '',
  form: 'object',
}

/**
 * The families, most specific first. Written from the templates of the models named; the parsers are tested on those
 * forms, not on the models themselves (none of them is small enough).
 */
export const TOOL_SYNTAXES: readonly ToolSyntax[] = [
  {
    // gpt-oss ("harmony").
    name: 'harmony',
    isOf: (template) => template.includes('<|channel|>') && template.includes('commentary'),
    trigger: '<|channel|>commentary to=functions.',
    opening: '<|channel|>commentary to=functions.',
    afterName: ' <|constrain|>json<|message|>',
    closing: '',
    ending: '',
    form: 'marked',
  },
  {
    // Qwen3-Coder: arguments as tags.
    name: 'qwen-coder',
    isOf: (template) => template.includes('<tool_call>') && template.includes('<function='),
    trigger: '<tool_call>',
    opening: '<tool_call>\n<function=',
    afterName: '>\n',
    closing: '</function>\n</tool_call>',
    between: '\n<tool_call>\n<function=',
    ending: '',
    form: 'tags',
  },
  {
    // Hermes 2 and 3, Qwen 2.5 and 3, SmolLM3.
    name: 'hermes',
    isOf: (template) => template.includes('<tool_call>'),
    trigger: '<tool_call>',
    opening: '<tool_call>\n{"name": "',
    afterName: '", "arguments": ',
    closing: '}\n</tool_call>',
    between: '\n<tool_call>\n{"name": "',
    ending: '',
    form: 'object',
  },
  {
    // Mistral Small 3.2, Magistral, Devstral.
    name: 'mistral-args',
    isOf: (template) => template.includes('[TOOL_CALLS]') && template.includes('[ARGS]'),
    trigger: '[TOOL_CALLS]',
    opening: '[TOOL_CALLS]',
    afterName: '[ARGS]',
    closing: '',
    between: '[TOOL_CALLS]',
    ending: '',
    form: 'marked',
    hasShortIds: true,
  },
  {
    // Mistral 7B v0.3, Nemo, Large.
    name: 'mistral',
    isOf: (template) => template.includes('[TOOL_CALLS]'),
    trigger: '[TOOL_CALLS]',
    opening: '[TOOL_CALLS][{"name": "',
    afterName: '", "arguments": ',
    closing: '}',
    between: ', {"name": "',
    ending: ']',
    form: 'object',
    hasShortIds: true,
  },
  {
    // DeepSeek V3 and R1.
    name: 'deepseek',
    isOf: (template) => template.includes('<｜tool▁calls▁begin｜>') && template.includes('```json'),
    trigger: '<｜tool▁calls▁begin｜>',
    opening: '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>',
    afterName: '\n```json\n',
    closing: '\n```<｜tool▁call▁end｜>',
    between: '\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>',
    ending: '<｜tool▁calls▁end｜>',
    form: 'marked',
  },
  {
    // DeepSeek V3.1.
    name: 'deepseek-3.1',
    isOf: (template) => template.includes('<｜tool▁calls▁begin｜>'),
    trigger: '<｜tool▁calls▁begin｜>',
    opening: '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>',
    afterName: '<｜tool▁sep｜>',
    closing: '<｜tool▁call▁end｜>',
    between: '<｜tool▁call▁begin｜>',
    ending: '<｜tool▁calls▁end｜>',
    form: 'marked',
  },
  {
    // Phi-4-mini.
    name: 'phi',
    isOf: (template) => template.includes('<|tool_call|>') && template.includes('<|/tool_call|>'),
    trigger: '<|tool_call|>',
    opening: '<|tool_call|>{"name": "',
    afterName: '", "arguments": ',
    closing: '}<|/tool_call|>',
    between: '<|tool_call|>{"name": "',
    ending: '',
    form: 'object',
  },
  {
    // Granite 3.
    name: 'granite',
    isOf: (template) => template.includes('<|tool_call|>'),
    trigger: '<|tool_call|>',
    opening: '<|tool_call|>[{"name": "',
    afterName: '", "arguments": ',
    closing: '}',
    between: ', {"name": "',
    ending: ']',
    form: 'object',
  },
  {
    // Llama 3.1, 3.2 and 3.3.
    name: 'llama-3',
    isOf: (template) => template.includes('"parameters": dictionary of argument name'),
    trigger: '{"name"',
    isAtStart: true,
    opening: '{"name": "',
    afterName: '", "parameters": ',
    closing: '}',
    ending: '',
    form: 'object',
  },
]

/** How a model of this template writes calls. */
export function toolSyntaxOf(template: string): ToolSyntax {
  return TOOL_SYNTAXES.find(({ isOf }) => isOf(template)) ?? PLAIN_SYNTAX
}
