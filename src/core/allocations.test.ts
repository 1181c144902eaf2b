import { expect, test } from 'vitest'
import { CoreUnderTest, deeds, model } from '../../test/support/core-world.ts'
import { committedBytes } from './budget.ts'
import { nextWakeAtMs } from './wake.ts'

const MB = 1_000_000

/** How a request ended: `end r`, `end r <reason>`; nothing = it waits. */
function outcome(core: CoreUnderTest, requestId: string): string | undefined {
  return deeds(core.effects).find((deed) => deed.split(' ').slice(0, 2).join(' ') === `end ${requestId}`)
}

/** Asks for a promise; the machine has 800 MB for models, and a model takes 100. */
function allocate(
  core: CoreUnderTest,
  requestId: string,
  id: string,
  requiredMb: number,
  preferredMb = requiredMb,
): void {
  core.tell({
    type: 'requestArrived',
    requestId,
    definition: model(id),
    kind: 'allocate',
    allocation: { requiredBytes: requiredMb * MB, preferredBytes: preferredMb * MB },
    requestHash: requestId,
  })
}

test('what is preferred is promised where it is free, and counts as committed', () => {
  const core = new CoreUnderTest()
  allocate(core, 'r', 'a', 200, 300)
  expect(outcome(core, 'r')).toBe('end r')
  expect(committedBytes(core.world)).toBe(300 * MB)
})

test('what is required is promised where the preferred is not free', () => {
  const core = new CoreUnderTest()
  allocate(core, 'r', 'a', 800, 801)
  expect(committedBytes(core.world)).toBe(800 * MB)
})

test('more than the machine has for models is refused for good', () => {
  const core = new CoreUnderTest()
  allocate(core, 'r', 'a', 801)
  expect(outcome(core, 'r')).toBe('end r model-too-large')
  expect(committedBytes(core.world)).toBe(0)
})

test('idle models leave for what is required, and the promise is given when they are gone', () => {
  const core = new CoreUnderTest()
  core.use(model('idle'))
  allocate(core, 'r', 'a', 750)
  expect(outcome(core, 'r')).toBeUndefined()
  expect(core.state('idle')).toBe('unloading')
  core.unloaded('idle')
  expect(outcome(core, 'r')).toBe('end r')
  expect(committedBytes(core.world)).toBe(750 * MB)
})

test('a load uses the promise made to its model, and nobody else can', () => {
  const core = new CoreUnderTest()
  allocate(core, 'r', 'a', 700)
  core.ask('other', model('b'))
  expect(core.state('b')).toBe('loading')
  core.ask('third', model('c'))
  expect(core.state('c')).not.toBe('loading')
  core.loaded('b', 100 * MB)
  core.ask('own', model('a'))
  expect(committedBytes(core.world)).toBe(800 * MB)
})

test('a loaded model keeps what it does not use yet, until it leaves', () => {
  const core = new CoreUnderTest()
  allocate(core, 'r', 'a', 300)
  core.use(model('a'))
  expect(committedBytes(core.world)).toBe(300 * MB)
  core.tell({ type: 'unloadRequested', requestId: 'u', modelId: 'a' })
  core.unloaded('a')
  expect(committedBytes(core.world)).toBe(0)
})

test('a promise that no load uses ends with the idle time', () => {
  const core = new CoreUnderTest()
  allocate(core, 'r', 'a', 300)
  expect(nextWakeAtMs(core.world)).toBe(core.world.nowMs + 300_000)
  core.pass(290_000)
  expect(committedBytes(core.world)).toBe(300 * MB)
  core.pass(10_000)
  expect(committedBytes(core.world)).toBe(0)
})

test('a new promise replaces the old one', () => {
  const core = new CoreUnderTest()
  allocate(core, 'r1', 'a', 700)
  allocate(core, 'r2', 'a', 100)
  expect(outcome(core, 'r2')).toBe('end r2')
  expect(committedBytes(core.world)).toBe(100 * MB)
})

test('with whenFull reject nothing is evicted for it', () => {
  const core = new CoreUnderTest({ limits: { whenFull: 'reject' } })
  core.use(model('idle'))
  allocate(core, 'r', 'a', 750)
  expect(outcome(core, 'r')).toBe('end r memory-limit-exceeded')
  expect(core.state('idle')).toBe('ready')
})
