import { expect, test } from 'vitest'
import { endsInReasoning, reasoningSyntaxOf } from './reasoning-syntax.ts'

test.each([
  ["{{ '<think>' }}", '<think>'],
  ["{% set content = content.split('</think>')[-1] %}", '<think>'],
  ['[THINK]…[/THINK]', '[THINK]'],
  ['<seed:think>', '<seed:think>'],
  ['<|channel|>analysis<|message|>', '<|channel|>analysis<|message|>'],
  ['{{ message.content }}', undefined],
])('%s → %s', (template, open) => {
  expect(reasoningSyntaxOf(template)?.open).toBe(open)
})

test('a prompt may end inside the reasoning', () => {
  const syntax = { open: '<think>', close: '</think>' }
  expect(endsInReasoning('…<|assistant|><think>\n', syntax)).toBe(true)
  expect(endsInReasoning('…<think>\n\n</think>\n\n', syntax)).toBe(false)
})
