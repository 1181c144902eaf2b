import fc from 'fast-check'
import { expect, test } from 'vitest'
import { systemText } from '../../test/support/system-ground.ts'
import { parseFlatKeyed } from './flat-keyed.ts'

test('a recorded memory.stat of cgroup v1 is read whole', () => {
  const text = systemText('memory-stat-v1.txt')
  const values = parseFlatKeyed(text)
  expect(values.size).toBe(text.trim().split('\n').length)
  expect(values.get('total_rss')).toBe(2_093_056)
  expect(values.get('total_unevictable')).toBe(0)
})

test('recorded vmstat and memory.oom_control have the same form', () => {
  expect(parseFlatKeyed(systemText('vmstat.txt')).get('workingset_refault_file')).toBe(747_682)
  expect([...parseFlatKeyed(systemText('memory-oom-control-v1.txt'))]).toEqual([
    ['oom_kill_disable', 0],
    ['under_oom', 0],
    ['oom_kill', 0],
  ])
})

test('memory.events of cgroup v2 (unverified: written from the kernel’s documentation)', () => {
  expect(parseFlatKeyed(systemText('memory-events-v2.txt')).get('oom_kill')).toBe(2)
})

test('what is written in that form is read back', () => {
  const names = fc.stringMatching(/^[a-z_]{1,20}$/)
  const values = fc.dictionary(names, fc.nat(), { noNullPrototype: true })
  fc.assert(
    fc.property(values, (written) => {
      const text = Object.entries(written).map(([name, value]) => `${name} ${value}\n`)
      expect([...parseFlatKeyed(text.join(''))]).toEqual(Object.entries(written))
    }),
  )
})

test.each([
  ['nothing', ''],
  ['a name alone, as a cut text ends', 'anon'],
  ['a number alone', '5'],
  ['three fields', 'anon 5 6'],
  ['a value that is no count', 'anon -5\nfile 1.5\nslab 0x10'],
])('%s holds no values', (_, text) => {
  expect([...parseFlatKeyed(text)]).toEqual([])
})
