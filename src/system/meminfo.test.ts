import { expect, test } from 'vitest'
import { systemText } from '../../test/support/system-ground.ts'
import { parseMeminfo } from './meminfo.ts'

test('sizes of a recorded /proc/meminfo are bytes: kB of 1,024', () => {
  const sizes = parseMeminfo(systemText('meminfo.txt'))
  expect(sizes.get('MemTotal')).toBe(24_684_096 * 1_024)
  expect(sizes.get('MemAvailable')).toBe(24_154_484 * 1_024)
  expect(sizes.get('Active(anon)')).toBe(1_548 * 1_024)
  expect(sizes.get('VmallocTotal')).toBe(34_359_738_367 * 1_024)
})

test('counts of pages, which have no unit, are no sizes', () => {
  const sizes = parseMeminfo(systemText('meminfo.txt'))
  expect(sizes.has('HugePages_Total')).toBe(false)
  expect(sizes.get('Hugepagesize')).toBe(2_048 * 1_024)
})

test.each([
  ['nothing', ''],
  ['other text', 'no such thing\n\0\n:::'],
  ['a name without a number', 'MemTotal: kB'],
  ['a negative number', 'MemTotal: -5 kB'],
  ['a unit that the kernel does not write', 'MemTotal: 5 MB'],
])('%s holds no sizes', (_, text) => {
  expect([...parseMeminfo(text)]).toEqual([])
})

test('of a text that is cut off, the whole lines are kept and the cut one is not', () => {
  const text = systemText('meminfo.txt')
  const cut = text.slice(0, text.indexOf('MemAvailable:') + 'MemAvailable:   241'.length)
  expect([...parseMeminfo(cut).keys()]).toEqual(['MemTotal', 'MemFree'])
})
