import { expect, test } from 'vitest'
import { type AbilityHeader, capabilitiesOf } from './capabilities.ts'

const plain: AbilityHeader = { architecture: 'llama', chatTemplate: null, tokens: ['a', 'b'], has: () => false }

test.each<[string, Partial<AbilityHeader>, string[]]>([
  ['nothing special', {}, ['completion']],
  ['a template with tools', { chatTemplate: '{% if tools %}…' }, ['completion', 'tools']],
  ['a template that only sounds like it', { chatTemplate: '{{ toolset }}' }, ['completion']],
  ['one that thinks', { chatTemplate: "{{ '<think>' }}" }, ['completion', 'thinking']],
  ['gaps, by the header', { has: (key) => key === 'tokenizer.ggml.fim_pre_token_id' }, ['completion', 'insert']],
  ['gaps, by a token', { tokens: ['a', '<fim_prefix>'] }, ['completion', 'insert']],
  ['a chat model that embeds', { has: (key) => key === 'llama.pooling_type' }, ['completion', 'embedding']],
  ['an encoder', { architecture: 'nomic-bert' }, ['embedding']],
])('%s', (_, changes, expected) => {
  expect(capabilitiesOf({ ...plain, ...changes })).toEqual(expected)
})
