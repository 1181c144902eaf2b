import { expect, test } from 'vitest'
import { resolveConfig } from '../config/config.ts'
import { keptText } from './kept-text.ts'

const textOf = (env: Record<string, string> = {}): string =>
  keptText(resolveConfig({ env: { GRYM_HOME: '/h', ...env }, flags: {} }))

test('says for how long, how much, and how to have it otherwise', () => {
  expect(textOf()).toMatch(/30 days .* 1\.1 GB at most.*conversations\.keep: false.*delete --all/)
})

test('says the same of KV states, and where they lie', () => {
  expect(textOf()).toMatch(
    /saved in \/h\/\.cache\/models for 30 days .* 4\.3 GB at most.*kvcache\.enabled: false.*grym cache clear/,
  )
  expect(textOf({ GRYM_KVCACHE_FOLDER: '/fast', GRYM_KVCACHE_TTL: '-1' })).toMatch(
    /saved in \/fast\/\.cache\/models without end/,
  )
  expect(textOf({ GRYM_KVCACHE_FOLDER: '/fast/.cache/models' })).toContain('saved in /fast/.cache/models for')
  expect(textOf({ GRYM_KVCACHE_ENCRYPT: 'yes' })).toContain('encrypted, and deleted with its conversation')
})

test('says that nothing is kept, or no states are', () => {
  expect(textOf({ GRYM_KEEP_CONVERSATIONS: 'no' })).toMatch(/^Conversations are not kept, and no KV state/)
  expect(textOf({ GRYM_KVCACHE: 'no' })).toMatch(/KV state\) is not saved/)
})
