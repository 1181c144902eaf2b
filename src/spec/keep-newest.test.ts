import { expect, test } from 'vitest'
import { keepNewest } from './keep-newest.ts'

test.each([
  [2, ['b', 'c']],
  [3, ['a', 'b', 'c']],
  [4, ['a', 'b', 'c']],
  [0, []],
])('of three, at most %i', (most, left) => {
  const map = new Map([
    ['a', 1],
    ['b', 2],
    ['c', 3],
  ])
  keepNewest(map, most)
  expect([...map.keys()]).toEqual(left)
})
