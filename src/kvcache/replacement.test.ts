import fc from 'fast-check'
import { expect, test } from 'vitest'
import { chooseVictims, type Kept, worth } from './replacement.ts'

const NOW_MS = 1e12
const kept = fc.record<Kept>({
  bytes: fc.integer({ min: 1, max: 1e9 }),
  tokens: fc.integer({ min: 0, max: 100_000 }),
  createdAtMs: fc.constant(0),
  lastUsedAtMs: fc.integer({ min: 0, max: NOW_MS }),
  returns: fc.nat(1_000),
  priority: fc.constantFrom('low', 'normal', 'high'),
})
const room = fc.record({ bytes: fc.integer({ min: -1e9, max: 5e9 }), entries: fc.integer({ min: -10, max: 40 }) })

test('makes the room that is asked for, or gives all; nobody leaves in vain, and none that is worth more before one worth less', () => {
  fc.assert(
    fc.property(fc.array(kept, { maxLength: 30 }), room, (items, missing) => {
      const victims = chooseVictims(items, missing, NOW_MS)
      const bytes = victims.reduce((sumBytes, item) => sumBytes + item.bytes, 0)
      const isEnough = bytes >= missing.bytes && victims.length >= missing.entries
      expect(isEnough || victims.length === items.length).toBe(true)
      const [last] = victims.slice(-1)
      if (!last) return
      const isVain = bytes - last.bytes >= missing.bytes && victims.length - 1 >= missing.entries
      expect(isVain).toBe(false)
      const most = Math.max(...victims.map((item) => worth(item, NOW_MS)))
      const stays = items.filter((item) => !victims.includes(item))
      expect(stays.every((item) => worth(item, NOW_MS) >= most)).toBe(true)
    }),
  )
})

test.for<{ what: string; more: Partial<Kept> }>([
  { what: 'more tokens for its bytes', more: { tokens: 200 } },
  { what: 'fewer bytes', more: { bytes: 500 } },
  { what: 'used later', more: { lastUsedAtMs: NOW_MS - 1_000 } },
  { what: 'more returns', more: { returns: 2 } },
  { what: 'a higher priority', more: { priority: 'high' } },
])('worth more: $what', ({ more }) => {
  const usual: Kept = {
    bytes: 1_000,
    tokens: 100,
    createdAtMs: 0,
    lastUsedAtMs: NOW_MS - 600_000,
    returns: 1,
    priority: 'normal',
  }
  expect(worth({ ...usual, ...more }, NOW_MS)).toBeGreaterThan(worth(usual, NOW_MS))
})

test('a conversation that is gone on with outlives those that came once, also after its state had to go', () => {
  const once: Kept = { bytes: 1_000, tokens: 100, createdAtMs: 0, lastUsedAtMs: NOW_MS, returns: 0, priority: 'normal' }
  const back: Kept = { ...once, lastUsedAtMs: NOW_MS - 200_000, returns: 1 }
  expect(chooseVictims([back, once], { bytes: 0, entries: 1 }, NOW_MS)).toEqual([once])
})
