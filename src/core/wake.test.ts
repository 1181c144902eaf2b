import { expect, test } from 'vitest'
import { CoreUnderTest, model } from '../../test/support/core-world.ts'
import { nextWakeAtMs } from './wake.ts'

test('nothing is due in an empty world', () => {
  expect(nextWakeAtMs(new CoreUnderTest().world)).toBeUndefined()
})

test('the earliest of deadlines, idle timers and retries is next', () => {
  const core = new CoreUnderTest({ limits: { loadTimeoutMs: 50_000 } })
  core.use(model('idle', { idleTimeoutMs: 90_000 }))
  expect(nextWakeAtMs(core.world)).toBe(90_000)
  core.ask('one', model('a'))
  expect(nextWakeAtMs(core.world)).toBe(50_000)
  core.failed('a', 'model-load-failed')
  expect(nextWakeAtMs(core.world)).toBe(1_000)
})

test('a pinned, busy or timerless model needs no waking', () => {
  const core = new CoreUnderTest()
  core.use(model('a', { idleTimeoutMs: null }))
  core.use(model('b', { pinned: true }))
  core.ask('busy', model('a', { idleTimeoutMs: null }))
  expect(nextWakeAtMs(core.world)).toBeUndefined()
})
