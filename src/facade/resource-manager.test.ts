import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { machineStatus, modelStatus } from '../../test/support/guide-status.ts'
import { ServedHome } from '../../test/support/served-home.ts'
import { type ResourceError, resourceError } from '../spec/errors.ts'
import type { ResourceManager } from './resource-manager.ts'

/*
 * The calls of the library over an instance that the test conducts. Answers: chat.test.ts, listeners: listeners.test.ts,
 * with real engines: test/library.test.ts.
 */

let ground: ServedHome

beforeEach(async () => {
  ground = await ServedHome.start()
})

afterEach(() => ground[Symbol.asyncDispose]())

const messages = [{ role: 'user' as const, content: 'hi' }]

describe('units', () => {
  test('memory is promised in bytes for the megabytes that were said; preferred is at least required', async () => {
    const library = ground.library()
    await library.allocateMemory({ modelId: 'x', required: 1.5, preferred: 2 })
    await library.allocateMemory({ modelId: 'x', required: 3, preferred: 2 })
    await library.allocateMemory({ modelId: 'x', required: 0, preferred: 0 })
    expect(ground.served.manager.allocations.map(([, size]) => [size.requiredBytes, size.preferredBytes])).toEqual([
      [1_500_000, 2_000_000],
      [3_000_000, 3_000_000],
      [0, 0],
    ])
  })

  test('a model is moved to the cache as the guide has it: megabytes, and the caller’s own name', async () => {
    const { manager } = ground.served
    expect(await ground.library().moveToCache('x', { ttl: 60_000, priority: 'high' })).toStrictEqual({
      modelId: 'x',
      cachePath: '/h/.cache/models/a-1234567890.cache',
      metrics: { beforeSize: 14_000, afterSize: 7_000, savedMemory: 7_000 },
    })
    await ground.library().moveToCache('x')
    expect(manager.moves).toEqual([
      ['x', { ttlMs: 60_000, priority: 'high' }],
      ['x', {}],
    ])
  })

  test.each([
    { ttl: 0 },
    { ttl: -1 },
    { ttl: 1.5 },
    { ttl: '5m' },
    { ttl: null },
    { priority: 'urgent' },
    { priority: null },
    null,
    'low',
  ])('moved to the cache with %j is refused', async (options) => {
    const asked = ground.library().moveToCache('x', options as never)
    await expect(asked).rejects.toMatchObject({ reason: 'invalid-request' })
    expect(ground.served.manager.moves).toEqual([])
  })

  test.each([-1, NaN, Infinity, '5', null, undefined])('%j megabytes are refused', async (size) => {
    const library = ground.library()
    for (const sizes of [
      { required: size, preferred: 1 },
      { required: 1, preferred: size },
    ]) {
      const request = { modelId: 'x', ...sizes } as Parameters<ResourceManager['allocateMemory']>[0]
      await expect(library.allocateMemory(request)).rejects.toMatchObject({ reason: 'invalid-request' })
    }
    expect(ground.served.manager.allocations).toEqual([])
  })

  test.each([
    ['memory-limit-exceeded', false],
    ['model-too-large', false],
    ['model-limit-reached', false],
    ['queue-full', false],
    ['queue-timeout', false],
    ['shutting-down', 'shutting-down'],
  ] as const)('no memory because of %s: %s', async (reason, outcome) => {
    ground.served.manager.allocate = async () => {
      throw resourceError(reason, 'No.')
    }
    const promised = ground.library().allocateMemory({ modelId: 'x', required: 1, preferred: 1 })
    expect(await promised.catch((error: unknown) => (error as ResourceError).reason)).toBe(outcome)
  })

  test('metrics are in MB, of models by the names that were used', async () => {
    const { manager } = ground.served
    manager.identify = async () => 'tiny'
    manager.status = () => machineStatus([modelStatus(), modelStatus({ id: 'idle', state: 'unloaded' })])
    const library = ground.library()
    await library.loadModel('best')
    const { system, models } = await library.getResourceMetrics()
    expect([system.totalMemory, [...models.keys()], models.get('best')?.memoryUsage]).toEqual([8_000, ['best'], 300])
  })

  test('moments of a context are Dates, there and back', async () => {
    const library = ground.library()
    const context = await library.addMessage('a', { role: 'user', content: 'x', timestamp: new Date(5) })
    expect([context.createdAt, context.lastAccessed]).toEqual([new Date(1), new Date(2)])
    expect(context).not.toHaveProperty('createdAtMs')
    expect(ground.served.services.calls).toEqual([['addMessage', ['a', { role: 'user', content: 'x', timestamp: 5 }]]])
  })
})

test.each([[''], [[]], [['x', '']], [[5]]])('%j cannot be embedded', async (input) => {
  const embedded = ground.library().embed({ input: input as string })
  await expect(embedded).rejects.toMatchObject({ reason: 'invalid-request' })
})

describe('configure', () => {
  const sent = (): unknown[] => ground.served.services.calls.map(([, change]) => change)

  test('before the first call reaches the instance with it, in order', async () => {
    const library = ground.library({ debug: true })
    library.configure({ limits: { maxModelsLoaded: 2 } })
    expect(sent()).toEqual([])
    await library.getResourceMetrics()
    expect(sent()).toEqual([{ debug: true }, { limits: { maxModelsLoaded: 2 } }])
  })

  test('after it is in force before the next call', async () => {
    const library = ground.library()
    await library.getResourceMetrics()
    library.configure({ limits: { maxModelsLoaded: 2 } })
    library.configure({ limits: { maxModelsLoaded: 3 } })
    await library.getResourceMetrics()
    expect(sent()).toEqual([{ limits: { maxModelsLoaded: 2 } }, { limits: { maxModelsLoaded: 3 } }])
  })

  test('of two calls the second of which is garbage, the first holds', async () => {
    const library = ground.library()
    library.configure({ limits: { maxModelsLoaded: 2 } })
    expect(() => library.configure({ limits: { maxModelsLoaded: 0.5 } })).toThrow(/limits\.maxModelsLoaded.*0\.5/s)
    for (const garbage of [null, [], 7, 'x', undefined]) {
      expect(() => library.configure(garbage as never)).toThrow(expect.objectContaining({ reason: 'config-invalid' }))
    }
    await library.getResourceMetrics()
    expect(sent()).toEqual([{ limits: { maxModelsLoaded: 2 } }])
  })

  test('takes what was said then, whatever the program does to its object later', async () => {
    const library = ground.library()
    const limits = { maxModelsLoaded: 2 }
    library.configure({ limits })
    limits.maxModelsLoaded = 9
    await library.getResourceMetrics()
    expect(sent()).toEqual([{ limits: { maxModelsLoaded: 2 } }])
  })

  test('a change that the instance refuses is told as an error, and the next instance is not asked for it', async () => {
    const library = ground.library({ mode: 'auto' })
    await library.getResourceMetrics()
    const told: string[] = []
    library.addEventListener((type, data) => void (type === 'error' && told.push(data.error.message)))
    const { configuration } = ground.served.services
    const accept = configuration.configure
    configuration.configure = async (change) => {
      if (JSON.stringify(change).includes('memoryThreshold')) throw resourceError('config-invalid', 'Not here.')
      return accept(change)
    }
    library.configure({ limits: { memoryThreshold: 0.5 } })
    library.configure({ limits: { maxModelsLoaded: 3 } })
    await library.getResourceMetrics()
    expect(told).toEqual(['Not here.'])
    await ground.replace()
    await library.getResourceMetrics()
    expect(sent()).toEqual([{ limits: { maxModelsLoaded: 3 } }])
  })
})

describe('destroy', () => {
  const calls: [string, (library: ResourceManager) => Promise<unknown>][] = [
    ['loadModel', (library) => library.loadModel('a')],
    ['unloadModel', (library) => library.unloadModel('a')],
    ['freeResources', (library) => library.freeResources()],
    ['allocateMemory', (library) => library.allocateMemory({ modelId: 'a', required: 1, preferred: 1 })],
    ['getResourceMetrics', (library) => library.getResourceMetrics()],
    ['chat', (library) => library.chat({ messages }).next()],
    ['embed', (library) => library.embed({ input: 'x' })],
    ['countTokens', (library) => library.countTokens({ messages })],
    ['initializeContext', (library) => library.initializeContext('a', { maxTokens: 1, contextWindow: 1 })],
    ['getContext', (library) => library.getContext('a')],
    ['addMessage', (library) => library.addMessage('a', { role: 'user', content: 'x' })],
    ['removeContext', (library) => library.removeContext('a')],
  ]

  test.each(calls)('after it %s says so, opened or not', async (_, call) => {
    for (const isOpened of [true, false]) {
      const library = ground.library()
      if (isOpened) await library.getResourceMetrics()
      library.destroy()
      library.destroy()
      await expect(call(library)).rejects.toMatchObject({ name: 'ResourceError', reason: 'shutting-down' })
    }
  })

  test('after it the configuration cannot be changed', () => {
    const library = ground.library()
    library.destroy()
    expect(() => library.configure({ debug: true })).toThrow(expect.objectContaining({ reason: 'shutting-down' }))
  })

  test('a call that is being opened ends with it', async () => {
    const library = ground.library()
    const metrics = library.getResourceMetrics()
    library.destroy()
    await expect(metrics).rejects.toMatchObject({ reason: 'shutting-down' })
  })

  test('what is under way is cancelled, and the instance sees it leave', async () => {
    const library = ground.library()
    const first = library.chat({ messages }).next()
    const asked = await ground.served.manager.next()
    library.destroy()
    await expect(first).rejects.toMatchObject({ name: 'ResourceError', reason: 'request-cancelled' })
    await expect.poll(() => asked.signal.aborted).toBe(true)
  })
})

test('where the instance has ended, connect says so and auto goes to the next one', async () => {
  const [connected, moving] = [ground.library(), ground.library({ mode: 'auto' })]
  await Promise.all([connected.getResourceMetrics(), moving.getResourceMetrics()])
  await ground.replace()
  await expect(connected.getResourceMetrics()).rejects.toMatchObject({ reason: 'daemon-unreachable' })
  ground.served.manager.status = () => machineStatus()
  expect((await moving.getResourceMetrics()).system.totalMemory).toBe(8_000)
})
