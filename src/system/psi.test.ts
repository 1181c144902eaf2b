import fc from 'fast-check'
import { expect, test } from 'vitest'
import { systemText } from '../../test/support/system-ground.ts'
import { parsePsi } from './psi.ts'

test('a recorded /proc/pressure/memory of a calm machine is zero', () => {
  expect(parsePsi(systemText('pressure-memory.txt'))).toEqual({ some: 0, full: 0 })
})

test('the shares of the last 10 s are read, whichever line comes first', () => {
  const some = 'some avg10=12.34 avg60=99.00 avg300=99.00 total=1'
  const full = 'full avg10=5.60 avg60=99.00 avg300=99.00 total=1'
  expect(parsePsi(`${some}\n${full}\n`)).toEqual({ some: 12.34, full: 5.6 })
  expect(parsePsi(`${full}\n${some}\n`)).toEqual({ some: 12.34, full: 5.6 })
})

test('every share with two digits after the point comes through', () => {
  const hundredths = fc.integer({ min: 0, max: 10_000 })
  fc.assert(
    fc.property(hundredths, hundredths, (some, full) => {
      const line = (kind: string, value: number): string => `${kind} avg10=${(value / 100).toFixed(2)} avg60=0.00\n`
      expect(parsePsi(line('some', some) + line('full', full))).toEqual({ some: some / 100, full: full / 100 })
    }),
  )
})

test.each([
  ['nothing', ''],
  ['other text', 'avg10=50.00\nawesome avg10=50.00'],
  ['a cut line', 'some avg'],
  ['a share that is no number', 'some avg10=lots'],
])('%s is no stall', (_, text) => {
  expect(parsePsi(text)).toEqual({ some: 0, full: 0 })
})

test('a kernel that tells only `some` has no full stall', () => {
  expect(parsePsi('some avg10=50.00 avg60=0.00 avg300=0.00 total=1\n')).toEqual({ some: 50, full: 0 })
})
