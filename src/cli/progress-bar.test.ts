import { expect, test } from 'vitest'
import { progressBar } from './progress-bar.ts'

test.each([
  [0, '[..............................]   0 %  0 B of 92.9 MB'],
  [46_435_520, '[###############...............]  50 %  46.4 MB of 92.9 MB'],
  [92_871_040, '[##############################] 100 %  92.9 MB of 92.9 MB'],
])('%i bytes', (receivedBytes, bar) => {
  expect(progressBar({ receivedBytes, totalBytes: 92_871_040 })).toBe(bar)
})

test('an unknown size is no division by zero', () => {
  expect(progressBar({ receivedBytes: 5, totalBytes: 0 })).toContain('0 %')
})
