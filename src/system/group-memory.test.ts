import { expect, test } from 'vitest'
import { systemText } from '../../test/support/system-ground.ts'
import { parseFlatKeyed } from './flat-keyed.ts'
import { groupMemory, refaultedFilePages } from './group-memory.ts'

test('cgroup v1, recorded: total_rss and total_mapped_file; 45 MB of cache that nobody maps are left out', () => {
  expect(groupMemory(parseFlatKeyed(systemText('memory-stat-v1.txt')), 1)).toEqual({
    unreclaimableBytes: 2_093_056,
    mappedFileBytes: 77_824,
  })
})

test('cgroup v1 counts the groups below it too', () => {
  const stat = new Map([
    ['rss', 1],
    ['mapped_file', 2],
    ['total_rss', 10],
    ['total_mapped_file', 20],
  ])
  expect(groupMemory(stat, 1)).toEqual({ unreclaimableBytes: 10, mappedFileBytes: 20 })
})

test('cgroup v2: anonymous and unreclaimable kernel memory (unverified: written from the kernel’s documentation)', () => {
  expect(groupMemory(parseFlatKeyed(systemText('memory-stat-v2.txt')), 2)).toEqual({
    unreclaimableBytes: 100_000_000 + 7_000_000 + 2_000_000,
    mappedFileBytes: 50_000_000,
  })
})

test('a text without these names is a group without memory', () => {
  expect(groupMemory(new Map(), 1)).toEqual({ unreclaimableBytes: 0, mappedFileBytes: 0 })
  expect(groupMemory(new Map(), 2)).toEqual({ unreclaimableBytes: 0, mappedFileBytes: 0 })
})

test('refaults: of the whole hierarchy on v1 (recorded), of the one name there is on vmstat (recorded), else 0', () => {
  expect(refaultedFilePages(parseFlatKeyed(systemText('memory-stat-v1.txt')))).toBe(13_428)
  expect(refaultedFilePages(parseFlatKeyed(systemText('vmstat.txt')))).toBe(747_682)
  expect(refaultedFilePages(new Map([['workingset_refault_file', 1]]))).toBe(1)
  expect(
    refaultedFilePages(
      new Map([
        ['workingset_refault_file', 1],
        ['total_workingset_refault_file', 0],
      ]),
    ),
  ).toBe(0)
  expect(refaultedFilePages(new Map())).toBe(0)
})

test('refaults on v2 (unverified: written from the kernel’s documentation)', () => {
  expect(refaultedFilePages(parseFlatKeyed(systemText('memory-stat-v2.txt')))).toBe(4_321)
})
