import { describe, expect, test } from 'vitest'
import { toErrorData } from '../../../spec/errors.ts'
import { CHATML_TEMPLATE, ChatTemplate } from './chat-template.ts'

const tokens = { bosToken: '<s>', eosToken: '</s>' }

describe('ChatTemplate', () => {
  test('ChatML, where a file has no template of its own', () => {
    const template = new ChatTemplate(CHATML_TEMPLATE, tokens)
    expect(
      template.render([
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Hi' },
      ]),
    ).toBe('<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n')
  })

  test('the template may use the special tokens by name', () => {
    const template = new ChatTemplate("{{ bos_token }}{{ messages[0]['content'] }}{{ eos_token }}", tokens)
    expect(template.render([{ role: 'user', content: 'x' }])).toBe('<s>x</s>')
  })

  test('what a template refuses is told in its own words', () => {
    const template = new ChatTemplate("{{ raise_exception('roles must alternate') }}", tokens)
    let error: unknown
    try {
      template.render([{ role: 'user', content: 'x' }])
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
    expect(template.render([{ role: 'user', content: '{{ 1 + 1 }}' }])).toBe('{{ 1 + 1 }}')
  })
})
