import { describe, expect, test } from 'vitest'
import type { Publication } from '../core/effect.ts'
import { EventLog } from './event-log.ts'

const happened: Publication = { type: 'modelLoading', data: { modelId: 'a', attempt: 1 } }

describe('EventLog', () => {
  test('ids rise by one; a follower that resumes gets what it missed, in order, then what is new', () => {
    const log = new EventLog(() => {})
    for (let count = 0; count < 3; count++) log.publish(happened, count)
    const ids: number[] = []
    log.subscribe(1, ({ id }) => ids.push(id))
    log.publish(happened, 4)
    expect(ids).toEqual([2, 3, 4])
    expect(log.lastId).toBe(4)
  })

  test('without a last id only what is new', () => {
    const log = new EventLog(() => {})
    log.publish(happened, 1)
    const ids: number[] = []
    log.subscribe(undefined, ({ id }) => ids.push(id))
    expect(ids).toEqual([])
  })

  test('remembers a bounded number: limit − 1, limit, limit + 1', () => {
    const firstRemembered = (published: number): number | undefined => {
      const log = new EventLog(() => {})
      for (let count = 0; count < published; count++) log.publish(happened, count)
      const ids: number[] = []
      log.subscribe(0, ({ id }) => ids.push(id))
      return ids[0]
    }
    expect([999, 1_000, 1_001].map(firstRemembered)).toEqual([1, 1, 2])
  })

  test('a follower that left hears nothing; one that throws is reported and stays', () => {
    const errors: unknown[] = []
    const log = new EventLog((error) => errors.push(error))
    let heard = 0
    const leave = log.subscribe(undefined, () => (heard += 1))
    log.subscribe(undefined, () => {
      throw new Error('bad')
    })
    log.publish(happened, 1)
    leave()
    log.publish(happened, 2)
    expect([heard, errors.length]).toEqual([1, 2])
  })
})
