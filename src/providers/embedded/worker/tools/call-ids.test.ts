import { expect, test } from 'vitest'
import { newCallId, shortCallId } from './call-ids.ts'

test('a new id is nine letters and digits, each time another', () => {
  const ids = Array.from({ length: 100 }, newCallId)
  expect(ids.every((id) => /^[A-Za-z0-9]{9}$/.test(id))).toBe(true)
  expect(new Set(ids).size).toBe(100)
})

test('another program’s id becomes short, always the same way; a short one stays', () => {
  expect(shortCallId('call_abc-123')).toMatch(/^[A-Za-z0-9]{9}$/)
  expect(shortCallId('call_abc-123')).toBe(shortCallId('call_abc-123'))
  expect(shortCallId('call_abc-124')).not.toBe(shortCallId('call_abc-123'))
  expect(shortCallId('abcDEF123')).toBe('abcDEF123')
})
