import { expect, test } from 'vitest'
import { systemText } from '../../test/support/system-ground.ts'
import { parsePageBytes, parsePssBytes, parseStatmRssBytes } from './process-memory.ts'

test('resident bytes of a recorded statm: its second number, in pages', () => {
  expect(parseStatmRssBytes(systemText('statm.txt'), 4_096)).toBe(11_296 * 4_096)
  expect(parseStatmRssBytes('10 3 2 1 0 5 0\n', 65_536)).toBe(3 * 65_536)
})

test.each([
  ['nothing', ''],
  ['a cut text', '351593'],
  ['other text', 'no such process'],
  ['the zeros of a process that ended and is not collected yet', '0 0 0 0 0 0 0\n'],
])('%s is 0 resident bytes, never a number that is none', (_, text) => {
  expect(parseStatmRssBytes(text, 4_096)).toBe(0)
})

test('PSS of a recorded smaps_rollup is its Pss line, not Pss_Dirty or another', () => {
  expect(parsePssBytes(systemText('smaps-rollup.txt'))).toBe(43_876 * 1_024)
})

test.each([
  ['nothing', ''],
  ['a text cut before the line', systemText('smaps-rollup.txt').slice(0, 110)],
  ['a text cut in the line', 'Pss:     43'],
  ['a kernel without it', 'Rss: 5 kB\nPss_Dirty: 5 kB\n'],
])('%s tells no PSS', (_, text) => {
  expect(parsePssBytes(text)).toBeUndefined()
})

test('the page’s size comes from the first mapping of a recorded smaps', () => {
  expect(parsePageBytes(systemText('smaps.txt'))).toBe(4_096)
  expect(parsePageBytes('KernelPageSize:       16 kB\nKernelPageSize:     2048 kB\n')).toBe(16_384)
})

test('without smaps a page is taken to be 4,096 bytes', () => {
  expect(parsePageBytes('')).toBe(4_096)
  expect(parsePageBytes('KernelPageSize:')).toBe(4_096)
})
