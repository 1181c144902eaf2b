import { expect, test } from 'vitest'
import { systemText } from '../../test/support/system-ground.ts'
import { parseVmStat, vmUsedBytes } from './vm-stat.ts'

test.each([
  ['vm-stat-16k.txt', 16_384, { wired: 139_556, compressor: 111_914, anonymous: 1_169_149, purgeable: 19_409 }],
  ['vm-stat-4k.txt', 4_096, { wired: 715_958, compressor: 0, anonymous: 464_333, purgeable: 11_820 }],
])('recorded %s: pages of %d bytes', (file, pageBytes, pages) => {
  const stat = parseVmStat(systemText(file))
  expect(stat).toEqual({
    wiredBytes: pages.wired * pageBytes,
    compressorBytes: pages.compressor * pageBytes,
    anonymousBytes: pages.anonymous * pageBytes,
    purgeableBytes: pages.purgeable * pageBytes,
  })
  const usedPages = pages.wired + pages.compressor + pages.anonymous - pages.purgeable
  expect(stat && vmUsedBytes(stat)).toBe(usedPages * pageBytes)
})

test('copies of files are not in use: the recorded Mac of 32 GiB has 23 GB, though only 67 MB are free', () => {
  const stat = parseVmStat(systemText('vm-stat-16k.txt'))
  expect(stat && vmUsedBytes(stat) / 1e9).toBeCloseTo(22.96, 2)
})

test.each([
  ['nothing', ''],
  ['other text', 'vm_stat: command not found'],
  ['a head alone', 'Mach Virtual Memory Statistics: (page size of 16384 bytes)\n'],
  ['a text without a page size', 'Pages wired down: 5.\nAnonymous pages: 5.\nPages purgeable: 1.\n'],
])('%s is not it', (_, text) => {
  expect(parseVmStat(text)).toBeUndefined()
})

test('a system too old to tell anonymous pages is not guessed at', () => {
  const text = systemText('vm-stat-4k.txt').replace(/^Anonymous pages.*\n/m, '')
  expect(parseVmStat(text)).toBeUndefined()
})
