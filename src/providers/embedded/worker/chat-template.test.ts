import { describe, expect, test } from 'vitest'
import { toErrorData } from '../../../spec/errors.ts'
import { CHATML_TEMPLATE, ChatTemplate } from './chat-template.ts'

const tokens = { bosToken: '<s>', eosToken: '</s>' }

describe('ChatTemplate', () => {
  test('ChatML, where a file has no template of its own', () => {
    const template = new ChatTemplate(CHATML_TEMPLATE, tokens)
    expect(
      template.render({
        messages: [
          { role: 'system', content: 'Be brief.' },
          { role: 'user', content: 'Hi' },
        ],
      }),
    ).toBe('<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n')
  })

  test('the template may use the special tokens by name', () => {
    const template = new ChatTemplate("{{ bos_token }}{{ messages[0]['content'] }}{{ eos_token }}", tokens)
    expect(template.render({ messages: [{ role: 'user', content: 'x' }] })).toBe('<s>x</s>')
  })

  test('what a template refuses is told in its own words', () => {
    const template = new ChatTemplate("{{ raise_exception('roles must alternate') }}", tokens)
    let error: unknown
    try {
      template.render({ messages: [{ role: 'user', content: 'x' }] })
    } catch (thrown) {
      error = thrown
    }
    expect(toErrorData(error)).toMatchObject({
      reason: 'template-failed',
      message: expect.stringContaining('roles must alternate'),
    })
  })

  test('content is data: template marks in it are not run', () => {
    const template = new ChatTemplate("{{ messages[0]['content'] }}", tokens)
    expect(template.render({ messages: [{ role: 'user', content: '{{ 1 + 1 }}' }] })).toBe('{{ 1 + 1 }}')
  })

  test('a template that shows tools is known by it', () => {
    expect(new ChatTemplate('{% for tool in tools %}{{ tool | tojson }}{% endfor %}', tokens).takesTools).toBe(true)
    expect(new ChatTemplate(CHATML_TEMPLATE, tokens).takesTools).toBe(false)
    // Mentioned, but never shown.
    expect(new ChatTemplate('{% if tools %}yes{% endif %}', tokens).takesTools).toBe(false)
  })

  test('tools are rendered in the form that templates know', () => {
    const template = new ChatTemplate('{{ tools[0] | tojson }}', tokens)
    const messages = [{ role: 'user' as const, content: 'x' }]
    expect(JSON.parse(template.render({ messages, tools: [{ name: 'now' }] }))).toEqual({
      type: 'function',
      function: { name: 'now', description: '', parameters: { type: 'object', properties: {} } },
    })
  })

  test.each([
    ['writes JSON itself', '{{ call.function.arguments | tojson }}', '{"a": 1}'],
    ['puts the text in as it is', "{{ '>' + call.function.arguments }}", '>{"a":1}'],
  ])('arguments of a call, where the template %s', (_, body, expected) => {
    const loop = '{% for message in messages if message.tool_calls %}{% for call in message.tool_calls %}'
    const template = new ChatTemplate(`${loop}${body}{% endfor %}{% endfor %}`, tokens)
    const toolCalls = [{ id: '1', name: 'f', arguments: '{"a":1}' }]
    expect(template.render({ messages: [{ role: 'assistant', content: '', toolCalls }] })).toBe(expected)
  })

  test('whether the model is to think is the template’s own switch', () => {
    const template = new ChatTemplate("{{ 'off' if enable_thinking is false else 'on' }}", tokens)
    const messages = [{ role: 'user' as const, content: 'x' }]
    expect(
      [undefined, true, false].map((thinking) =>
        template.render({ messages, ...(thinking !== undefined && { thinking }) }),
      ),
    ).toEqual(['on', 'on', 'off'])
  })
})
