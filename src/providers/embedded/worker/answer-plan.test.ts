import { describe, expect, test } from 'vitest'
import { Gbnf } from '../../../../test/support/gbnf.ts'
import type { ToolDefinition } from '../../../spec/chat.ts'
import { toErrorData } from '../../../spec/errors.ts'
import { type AnswerPlan, planAnswer } from './answer-plan.ts'
import { AnswerReader } from './answer-reader.ts'
import { CHATML_TEMPLATE, ChatTemplate } from './chat-template.ts'
import { seededRandom } from './token-sampler.ts'
import { readCalls } from './tools/read-calls.ts'
import { TOOL_SYNTAXES } from './tools/tool-syntax.ts'

const tokens = { bosToken: '', eosToken: '' }
/** Shows tools, and has every mark by which a family is recognised; what a model of it reads is of no matter here. */
const MARKS: Readonly<Record<string, string>> = {
  harmony: '<|channel|> commentary',
  'qwen-coder': '<tool_call> <function=',
  hermes: '<tool_call>',
  'mistral-args': '[TOOL_CALLS] [ARGS]',
  mistral: '[TOOL_CALLS]',
  deepseek: '<｜tool▁calls▁begin｜> ```json',
  'deepseek-3.1': '<｜tool▁calls▁begin｜>',
  phi: '<|tool_call|> <|/tool_call|>',
  granite: '<|tool_call|>',
  'llama-3': '"parameters": dictionary of argument name',
}
const withTools = (marks: string, generation = '>'): ChatTemplate =>
  new ChatTemplate(
    `{# ${marks} #}{{ tools | tojson if tools else '' }}{% for message in messages %}{{ message.content }}{% endfor %}${generation}`,
    tokens,
  )
const plain = new ChatTemplate(CHATML_TEMPLATE, tokens)

const messages = [{ role: 'user' as const, content: 'hi' }]
const add: ToolDefinition = {
  name: 'add',
  parameters: {
    type: 'object',
    properties: { a: { type: 'integer', minimum: 0, maximum: 9 }, note: { type: 'string', maxLength: 6 } },
    required: ['a'],
    additionalProperties: false,
  },
}
const now: ToolDefinition = { name: 'now' }
const tools = [add, now]

function grammarOf({ grammar }: AnswerPlan): Gbnf {
  if (grammar === undefined) throw new Error('the answer is held to nothing')
  return new Gbnf(grammar)
}

function reasonOf(work: () => unknown): unknown {
  try {
    work()
    return 'none'
  } catch (error) {
    return toErrorData(error).reason
  }
}

/** What a reader makes of an answer. */
function read(plan: AnswerPlan, text: string): { text: string; calls: readonly unknown[] | undefined } {
  const reader = new AnswerReader(plan.marks)
  const before = reader.push(text)
  const { read: after, calls } = reader.end()
  const said = [...before, ...after].map((part) => (part.type === 'text' ? part.text : '')).join('')
  const found =
    calls !== undefined && plan.calls ? readCalls(calls, plan.calls.syntax, plan.calls.toolNames) : undefined
  return { text: said, calls: found }
}

test('without wishes the prompt is the template’s, and the answer is free', () => {
  expect(planAnswer({ messages }, plain)).toEqual({
    prompt: '<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n',
    marks: {},
  })
})

describe('every family of tools', () => {
  test.each(TOOL_SYNTAXES.map((syntax) => [syntax.name] as const))('%s: forced calls are whole and valid', (family) => {
    const plan = planAnswer({ messages, tools, toolChoice: 'required' }, withTools(MARKS[family] ?? ''))
    const grammar = grammarOf(plan)
    const random = seededRandom(3)
    for (let count = 0; count < 50; count++) {
      const { text, calls } = read(plan, grammar.write(random))
      expect(text).toBe('')
      expect(calls?.length).toBeGreaterThan(0)
      for (const call of calls as { name: string; arguments: string }[]) {
        const given = JSON.parse(call.arguments) as Record<string, unknown>
        if (call.name === 'now') expect(given).toEqual({})
        else expect(given['a']).toSatisfy((a: number) => Number.isInteger(a) && a >= 0 && a <= 9)
      }
    }
  })

  const held = TOOL_SYNTAXES.filter(({ form }) => form !== 'tags')
  test.each(held.map((syntax) => [syntax.name, syntax] as const))('%s: free until a call begins', (family, syntax) => {
    const plan = planAnswer({ messages, tools }, withTools(MARKS[family] ?? ''))
    const grammar = grammarOf(plan)
    const call = `${syntax.opening}add${syntax.afterName}{"a": 1}${syntax.closing}${syntax.ending}`
    expect(grammar.matches('Just text, { with } anything <in> [it].')).toBe(true)
    expect(grammar.matches('')).toBe(true)
    expect(grammar.matches(call)).toBe(true)
    expect(grammar.matches(`Wait. ${call}`)).toBe(syntax.isAtStart !== true || !syntax.trigger.startsWith('<'))
    // No half call, no tool that there is not, no argument that its schema does not take.
    expect(grammar.matches(syntax.trigger)).toBe(false)
    expect(grammar.matches(call.replace('add', 'rm'))).toBe(false)
    expect(grammar.matches(call.replace('{"a": 1}', '{"a": 10}'))).toBe(false)
    expect(read(plan, call).calls).toEqual([
      { name: 'add', arguments: expect.stringMatching(/^\{"a": ?1\}$/) as unknown },
    ])
  })

  test('every family has its marks here', () => {
    expect(Object.keys(MARKS).sort()).toEqual(TOOL_SYNTAXES.map(({ name }) => name).sort())
    for (const [family, marks] of Object.entries(MARKS)) {
      expect(TOOL_SYNTAXES.find(({ isOf }) => isOf(marks))?.name).toBe(family)
    }
  })
})

describe('which tools', () => {
  const hermes = withTools('<tool_call>')

  test('a name leaves one', () => {
    const plan = planAnswer({ messages, tools, toolChoice: { name: 'now' } }, hermes)
    expect(plan.calls?.toolNames).toEqual(new Set(['now']))
    expect(plan.prompt).not.toContain('"add"')
  })

  test('none leaves none, in the prompt too', () => {
    const plan = planAnswer({ messages, tools, toolChoice: 'none' }, hermes)
    expect(plan).toEqual({ prompt: 'hi>', marks: {} })
  })

  test('several calls only where they may be', () => {
    const two =
      '<tool_call>\n{"name": "now", "arguments": {}}\n</tool_call>\n<tool_call>\n{"name": "now", "arguments": {}}\n</tool_call>'
    const request = { messages, tools, toolChoice: 'required' as const }
    expect(grammarOf(planAnswer(request, hermes)).matches(two)).toBe(true)
    expect(grammarOf(planAnswer({ ...request, parallelToolCalls: false }, hermes)).matches(two)).toBe(false)
  })

  test('a schema that cannot be guaranteed takes any object, unless the tool is strict', () => {
    const odd = { name: 'odd', parameters: { type: 'object', properties: { a: { not: {} } } } }
    const grammar = grammarOf(planAnswer({ messages, tools: [odd], toolChoice: 'required' }, hermes))
    expect(grammar.matches('<tool_call>\n{"name": "odd", "arguments": {"x": [1]}}\n</tool_call>')).toBe(true)
    const strict = { messages, tools: [{ ...odd, strict: true }], toolChoice: 'required' as const }
    expect(reasonOf(() => planAnswer(strict, hermes))).toBe('schema-unsupported')
  })
})

describe('a template without tools', () => {
  test('cannot choose', () => {
    expect(reasonOf(() => planAnswer({ messages, tools }, plain))).toBe('tools-unsupported')
    expect(reasonOf(() => planAnswer({ messages, tools, toolChoice: 'auto' }, plain))).toBe('tools-unsupported')
  })

  test('is told of them when a call is forced, and history is text', () => {
    const toolCalls = [{ id: '1', name: 'add', arguments: '{"a":1}' }]
    const history = [
      ...messages,
      { role: 'assistant' as const, content: '', toolCalls },
      { role: 'tool' as const, content: '1', toolCallId: '1' },
    ]
    const plan = planAnswer({ messages: history, tools, toolChoice: 'required' }, plain)
    expect(plan.prompt).toContain('"name":"add"')
    expect(plan.prompt).toContain('<|im_start|>assistant\n{"name": "add", "arguments": {"a":1}}<|im_end|>')
    expect(plan.prompt).toContain('<|im_start|>user\nResult of add:\n1<|im_end|>')
    expect(grammarOf(plan).matches('{"name": "add", "arguments": {"a": 7}}')).toBe(true)
  })
})

describe('ids of calls', () => {
  const echo =
    "{% for message in messages %}{{ message.tool_call_id or '' }}{% for call in message.tool_calls or [] %}{{ call.id }}{% endfor %};{% endfor %}"
  const history = [
    {
      role: 'assistant' as const,
      content: '',
      toolCalls: [{ id: 'call_longer_than_nine', name: 'x', arguments: '{}' }],
    },
    { role: 'tool' as const, content: '1', toolCallId: 'call_longer_than_nine' },
  ]

  test('are short where the template insists, and still meet', () => {
    const template = new ChatTemplate(`{{ tools | tojson if tools else '' }}{# [TOOL_CALLS] #}${echo}`, tokens)
    const [call, result] = planAnswer({ messages: history }, template).prompt.split(';')
    expect(call).toMatch(/^[A-Za-z0-9]{9}$/)
    expect(result).toBe(call)
  })

  test('stay as they are elsewhere', () => {
    const template = new ChatTemplate(`{{ tools | tojson if tools else '' }}{# <tool_call> #}${echo}`, tokens)
    expect(planAnswer({ messages: history }, template).prompt).toBe('call_longer_than_nine;call_longer_than_nine;')
  })
})

describe('a form', () => {
  const format = { type: 'schema', schema: { enum: ['yes', 'no'] } } as const

  test('holds the whole answer', () => {
    const grammar = grammarOf(planAnswer({ messages, format }, plain))
    expect(['"yes"', '"no"', '"maybe"', 'Well, "yes"'].map((text) => grammar.matches(text))).toEqual([
      true,
      true,
      false,
      false,
    ])
  })

  test('any object', () => {
    const grammar = grammarOf(planAnswer({ messages, format: { type: 'json' } }, plain))
    expect(['{"a": [1]}', '{}', '[]', '"x"'].map((text) => grammar.matches(text))).toEqual([true, true, false, false])
  })

  test('begins after reasoning that the prompt has begun', () => {
    const plan = planAnswer({ messages, format }, withTools('', '<think>\n'))
    expect(plan.marks.reasoning?.isOpen).toBe(true)
    const grammar = grammarOf(plan)
    expect(grammar.matches('Hm < "no"? </thin </think>\n\n"yes"')).toBe(true)
    expect(grammar.matches('"yes"')).toBe(false)
    expect(grammar.matches('</think>Hm "yes"')).toBe(false)
  })

  test('or calls, where there are tools', () => {
    const grammar = grammarOf(planAnswer({ messages, tools: [now], format }, withTools('<tool_call>')))
    expect(grammar.matches('"yes"')).toBe(true)
    expect(grammar.matches('<tool_call>\n{"name": "now", "arguments": {}}\n</tool_call>')).toBe(true)
    expect(grammar.matches('neither')).toBe(false)
  })

  test('has no log probabilities, and a call that may come is not held then', () => {
    expect(reasonOf(() => planAnswer({ messages, format, topLogprobs: 1 }, plain))).toBe('logprobs-unsupported')
    const forced = { messages, tools, toolChoice: 'required' as const, topLogprobs: 1 }
    expect(reasonOf(() => planAnswer(forced, plain))).toBe('logprobs-unsupported')
    const free = planAnswer({ messages, tools, topLogprobs: 1 }, withTools('<tool_call>'))
    expect(free.grammar).toBeUndefined()
    expect(free.calls?.toolNames.size).toBe(2)
  })
})

describe('reasoning before a call', () => {
  const plan = planAnswer({ messages, tools: [now] }, withTools("<tool_call> {{ '<think>' if x }}"))
  const call = '<tool_call>\n{"name": "now", "arguments": {}}\n</tool_call>'

  test('may mention the mark of a call', () => {
    expect(grammarOf(plan).matches(`<think>I could <tool_call> it.</think>\n\n${call}`)).toBe(true)
    expect(read(plan, `<think>I could <tool_call> it.</think>\n\n${call}`).calls).toHaveLength(1)
  })

  test('need not be', () => {
    expect(grammarOf(plan).matches(`Wait. ${call}`)).toBe(true)
  })
})
