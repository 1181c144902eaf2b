import { expect, test } from 'vitest'
import { checkpointMarks } from './checkpoint-marks.ts'

const fresh = { commonTokens: 0, reusedTokens: 0, endTokens: 100 }

test('a conversation has its marks at the end of the last message and at the end', () => {
  expect(checkpointMarks({ ...fresh, historyTokens: 95 }, 8)).toEqual([95, 100])
})

test('text that is continued has one, at its end', () => {
  expect(checkpointMarks(fresh, 8)).toEqual([100])
})

test('where it parted from another prompt and could not go back to is a mark', () => {
  expect(checkpointMarks({ ...fresh, commonTokens: 40, historyTokens: 95 }, 8)).toEqual([40, 95, 100])
  expect(checkpointMarks({ ...fresh, commonTokens: 40, reusedTokens: 40, historyTokens: 95 }, 8)).toEqual([95, 100])
})

test('with room for less the end goes first, then where it parted', () => {
  const points = { ...fresh, commonTokens: 40, historyTokens: 95 }
  expect(checkpointMarks(points, 2)).toEqual([40, 95])
  expect(checkpointMarks(points, 1)).toEqual([95])
  expect(checkpointMarks(points, 0)).toEqual([])
})

test('what is there already is no mark, and none lies behind the end', () => {
  expect(checkpointMarks({ commonTokens: 100, reusedTokens: 100, historyTokens: 95, endTokens: 100 }, 8)).toEqual([])
  expect(checkpointMarks({ ...fresh, historyTokens: 101 }, 8)).toEqual([100])
})
