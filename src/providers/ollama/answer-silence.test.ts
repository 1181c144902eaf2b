import { afterEach, expect, test } from 'vitest'
import { FakeOllamaGround } from '../../../test/support/ollama-provider-ground.ts'
import { throughClock } from '../../../test/support/through-clock.ts'
import { ask, never, read, rejects } from '../../testing/contract-check.ts'
import { VirtualClock } from '../../testing/virtual-clock.ts'

const MODEL = 'llama3.2:1b'
const QUIET_MS = 600_000
/** No look at what Ollama holds: that goes on answering when a model of it hangs. */
const NO_LOOKS = { watchIntervalMs: () => 1e9 }

let ended: (() => Promise<void>) | undefined

afterEach(async () => {
  await ended?.()
  ended = undefined
})

async function stuck(isSeen: boolean, contextTokens = 2_048): Promise<{ all: FakeOllamaGround; clock: VirtualClock }> {
  const clock = new VirtualClock(0)
  const all = await FakeOllamaGround.start({}, { ...NO_LOOKS, clock, isSeen })
  const { fake, ground } = all
  ended = () => throughClock(clock, all[Symbol.asyncDispose](), 100)
  fake.knobs.stuckRunners.add(MODEL)
  await ground.provider.load(await ground.define(MODEL, contextTokens), never())
  return { all, clock }
}

for (const isSeen of [true, false]) {
  test(`a model that stands still is told as stuck after 10 minutes, its process ${isSeen ? 'seen' : 'unseen'}, and let go of`, async () => {
    const { all, clock } = await stuck(isSeen)
    const { fake, ground } = all
    const lost = rejects('engine-stuck', read(ground.provider.generate(MODEL, ask('x', 8), never())))
    await expect.poll(() => fake.loaded[0]?.useCount).toBe(1)
    await clock.advanceTo(QUIET_MS - 1)
    expect(ground.losses).toEqual([])
    await clock.advanceTo(QUIET_MS)
    await lost
    expect(ground.losses).toMatchObject([{ cause: 'stuck', detail: 'no progress for 600 s' }])
    await expect.poll(() => (clock.runNext(clock.nowMs() + 100), fake.loaded)).toEqual([])
    fake.knobs.stuckRunners.clear()
    await ground.provider.load(await ground.define(MODEL), never())
    expect((await read(ground.provider.generate(MODEL, ask('x', 2), never()))).at(-1)?.type).toBe('end')
  })
}

test('a process that works is waited for', async () => {
  const { all, clock } = await stuck(true)
  const { fake, ground } = all
  const lost = rejects('engine-stuck', read(ground.provider.generate(MODEL, ask('x', 8), never())))
  await expect.poll(() => fake.loaded[0]?.useCount).toBe(1)
  all.seen.ticks += 30_000
  await clock.advanceTo(2 * QUIET_MS - 1)
  expect(ground.losses).toEqual([])
  all.seen.ticks += 5
  await clock.advanceTo(2 * QUIET_MS)
  await lost
})

test('a long prompt is given more time where nothing is seen of the process', async () => {
  const { all, clock } = await stuck(false, 32_768)
  const { fake, ground } = all
  const prompt = 'word '.repeat(6_000)
  const lost = rejects('engine-stuck', read(ground.provider.generate(MODEL, ask(prompt, 8), never())))
  await expect.poll(() => fake.loaded[0]?.useCount).toBe(1)
  await clock.advanceTo(QUIET_MS + 300_000)
  expect(ground.losses).toEqual([])
  await clock.advanceTo(QUIET_MS + 600_000)
  await lost
})
