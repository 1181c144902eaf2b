import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CoreUnderTest } from '../../test/support/core-world.ts'
import { ask, define, never, settle, Stage } from '../../test/support/manager-stage.ts'
import { noDescription } from '../../test/support/no-description.ts'
import type { ModelCatalog, WindowWish } from '../spec/catalog.ts'
import type { ModelWish } from '../spec/model-wish.ts'
import { MOST_WISHED_MODELS, WishedModels } from './wished-models.ts'

/** Models with windows of 1,000 tokens, which were trained for 10,000. */
class Windows implements ModelCatalog {
  readonly wishes: WindowWish[] = []
  readonly about = noDescription
  readonly list = (): Promise<[]> => Promise.resolve([])

  async resolve(name = 'a', larger?: WindowWish): Promise<ReturnType<typeof define>> {
    if (larger) this.wishes.push(larger)
    return { ...define(name), contextTokens: Math.min(10_000, larger?.leastContextTokens ?? 1_000) }
  }
}

class Clients {
  readonly catalog = new Windows()
  readonly stage = new Stage()

  async start(): Promise<this> {
    await this.stage.start({ catalog: this.catalog })
    return this
  }

  /** Asks, is answered, and leaves. */
  async ask(wish: ModelWish, model = 'a'): Promise<void> {
    const { manager } = this.stage
    const before = this.stage.answers.length
    const asking = Array.fromAsync(manager.infer({ ...ask(false, model), wish }, never()))
    for (let turn = 0; turn < 20 && this.stage.answers.length === before; turn++) await settle()
    this.stage.say('x')
    this.stage.end()
    await asking
  }

  counters(): unknown {
    const status = this.stage.manager.status()
    return 'engineCounters' in status && status.engineCounters.local
  }
}

describe('clients that name a window with each request', () => {
  test('and take turns: one load anew for the larger, the rest is avoided and counted', async () => {
    const clients = await new Clients().start()
    await clients.ask({})
    for (let turn = 0; turn < 10; turn++) {
      await clients.ask({ contextTokens: 500 })
      await clients.ask({ contextTokens: 8_000 })
    }
    expect(clients.stage.loads).toBe(2)
    expect(clients.counters()).toEqual({ reloadsAvoided: 10, reloads: 1 })
    expect(clients.stage.manager.status()).toMatchObject({ models: [{ id: 'a', contextTokens: 8_000 }] })
  })

  test('and batches of their own: none is a reason to load anew, and what that spared is counted', async () => {
    const clients = await new Clients().start()
    await clients.ask({})
    await clients.ask({ batchTokens: 8 })
    for (const batchTokens of [8, 64, 64, 8]) await clients.ask({ batchTokens })
    await clients.ask({ batchTokens: 64, contextTokens: 500 })
    expect(clients.stage.loads).toBe(1)
    expect(clients.counters()).toEqual({ reloadsAvoided: 3, reloads: 0 })
  })

  test('more than the model has: it is loaded with what it has, once', async () => {
    const clients = await new Clients().start()
    for (const contextTokens of [9_999, 10_000, 10_001, 1_000_000, 1_000_000]) await clients.ask({ contextTokens })
    expect(clients.stage.loads).toBe(2)
    expect(clients.stage.manager.status()).toMatchObject({ models: [{ contextTokens: 10_000 }] })
  })

  test('the largest wish is remembered while the model is out of memory', async () => {
    const clients = await new Clients().start()
    await clients.ask({ contextTokens: 8_000 })
    await clients.stage.manager.unload('a', never())
    await clients.ask({ contextTokens: 500 })
    expect(clients.stage.loads).toBe(2)
    expect(clients.stage.manager.status()).toMatchObject({ models: [{ contextTokens: 8_000 }] })
  })

  test('any sequence of them: at most as many loads anew as strictly growing maxima', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 12_000 }), { maxLength: 12 }), async (sequence) => {
        const clients = await new Clients().start()
        await clients.ask({})
        let [largest, maxima] = [1_000, 0]
        for (const contextTokens of sequence) {
          if (contextTokens > largest) [largest, maxima] = [contextTokens, maxima + 1]
          await clients.ask({ contextTokens })
        }
        expect(clients.stage.loads - 1).toBeLessThanOrEqual(maxima)
      }),
      { numRuns: 30 },
    )
  })

  test('a wish is for its model, not for the engine: nothing of it reaches that', async () => {
    const clients = await new Clients().start()
    await clients.ask({ contextTokens: 8_000, keepAliveMs: 5_000, priority: 3, pinned: true })
    expect(clients.stage.asked[0]).not.toHaveProperty('wish')
    expect(clients.stage.manager.status()).toMatchObject({ models: [{ pinned: true, expiresAtMs: null }] })
  })
})

describe('a wish for a stay', () => {
  test('shows in the status, of a request, an embedding and a load alike', async () => {
    const { manager, clock } = await new Stage().start()
    await manager.load('a', never(), { keepAliveMs: 60_000 })
    expect(manager.status()).toMatchObject({ models: [{ expiresAtMs: clock.nowMs() + 60_000 }] })
    await manager.load('a', never(), { keepAliveMs: null })
    expect(manager.status()).toMatchObject({ models: [{ expiresAtMs: null }] })
    await manager.embed('a', ['x'], never(), { keepAliveMs: 5_000 })
    expect(manager.status()).toMatchObject({ models: [{ expiresAtMs: clock.nowMs() + 5_000 }] })
  })
})

test.each([
  [MOST_WISHED_MODELS - 1, true],
  [MOST_WISHED_MODELS, false],
])('after wishes for %i other models the first is remembered: %s', async (others, isRemembered) => {
  const { world } = new CoreUnderTest()
  const models = new WishedModels(new Windows(), () => world)
  await models.resolve('first', { contextTokens: 8_000 })
  for (let index = 0; index < others; index++) await models.resolve(`m${index}`, { contextTokens: 2_000 })
  expect((await models.resolve('first', {})).larger?.wishedTokens).toBe(isRemembered ? 8_000 : undefined)
})
