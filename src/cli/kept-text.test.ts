import { expect, test } from 'vitest'
import { keptText } from './kept-text.ts'

const conversations = { keep: true, maxCount: 1, maxBytes: 1024 ** 3, maxAgeMs: 30 * 86_400_000, exceptKeys: [] }

test('says for how long, how much, and how to have it otherwise', () => {
  expect(keptText({ conversations })).toMatch(/30 days .* 1\.1 GB at most.*conversations\.keep: false.*delete --all/)
})

test('says that nothing is kept', () => {
  expect(keptText({ conversations: { ...conversations, keep: false } })).toMatch(/not kept/)
})
