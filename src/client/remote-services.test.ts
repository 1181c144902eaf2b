import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { BreakableLine } from '../../test/support/breakable-line.ts'
import { ServedManager } from '../../test/support/served-manager.ts'
import { storedConversation } from '../../test/support/state-server.ts'
import type { ManagerService } from '../spec/admin.ts'
import { resourceError } from '../spec/errors.ts'
import type { GrymEvent } from '../spec/events.ts'
import { GrymClient } from './grym-client.ts'
import { RemoteServices } from './remote-services.ts'
import { cacheEntry } from '../testing/scripted-state-cache.ts'

/*
 * Services over HTTP are like those in this process. Answers: remote-answer.test.ts.
 */

let served: ServedManager
let line: BreakableLine
let remote: RemoteServices
const { signal } = new AbortController()

beforeEach(async () => {
  served = await ServedManager.start()
  line = await BreakableLine.to(served.url)
  remote = new RemoteServices(new GrymClient(line.url))
})

afterEach(async () => {
  remote.destroy()
  await line[Symbol.asyncDispose]()
  await served[Symbol.asyncDispose]()
})

describe('the manager', () => {
  test('says what the one behind it says', async () => {
    const { manager } = served
    const messages = [{ role: 'user' as const, content: 'abc' }]
    expect(await remote.manager.identify('x')).toBe(await manager.identify('x'))
    expect(await remote.manager.identify(undefined)).toBe(await manager.identify(undefined))
    expect(await remote.manager.load('x', signal)).toEqual(await manager.load('x'))
    expect(await remote.manager.unload('x', signal)).toEqual(await manager.unload('x'))
    expect(await remote.manager.freeAll(signal)).toEqual(await manager.freeAll())
    expect(await remote.manager.status()).toEqual(manager.status())
    expect(await remote.manager.countTokens('x', messages, signal)).toEqual(await manager.countTokens('x', messages))
    expect(await remote.manager.embed('x', ['a', 'bcd'], signal)).toEqual(await manager.embed('x', ['a', 'bcd']))
  })

  test('moves a model to the cache as it was said, and looks after that cache', async () => {
    const wish = { ttlMs: 5_000, priority: 'low' } as const
    expect(await remote.manager.moveToCache('x', wish, signal)).toEqual(await served.manager.moveToCache('x', wish))
    await remote.manager.moveToCache(undefined, {}, signal)
    await remote.manager.moveToCache('x', { ttlMs: null }, signal)
    expect(served.manager.moves).toEqual([
      ['x', wish],
      ['x', wish],
      [undefined, {}],
      ['x', { ttlMs: null }],
    ])
    const { cache } = served.services
    served.services.states.entries.push(cacheEntry(), cacheEntry({ entryId: 'state_2', modelId: 'more/b' }))
    expect(await remote.cache.list()).toEqual(await cache.list())
    expect((await remote.cache.list('more/b')).entries.map(({ entryId }) => entryId)).toEqual(['state_2'])
    expect(await remote.cache.verify()).toEqual({ verified: 2, corrupt: [] })
    expect(await remote.cache.prune()).toEqual({ removed: 1, bytes: 5 })
    expect(await remote.cache.clear('more/b')).toEqual({ removed: 1, bytes: 5_000_000 })
    expect(await remote.cache.clear()).toEqual({ removed: 1, bytes: 5_000_000 })
    expect(served.services.states.calls).toEqual(['verify', 'prune', 'clear more/b', 'clear all'])
  })

  test('counts what else stands in a prompt, too', async () => {
    const counts = vi.spyOn(served.manager as ManagerService, 'countTokens')
    const options = {
      tools: [{ name: 'add', parameters: { type: 'object' } }],
      toolChoice: 'required',
      thinking: true,
    } as const
    await remote.manager.countTokens('x', [{ role: 'user', content: 'abc' }], signal, options)
    expect(counts.mock.lastCall?.[3]).toEqual(options)
  })

  test('lists models, their times in whole seconds, as OpenAI’s form has them', async () => {
    const listed = await served.manager.models()
    expect(await remote.manager.models()).toEqual(listed.map((model) => ({ ...model, createdAtMs: 1_000 })))
  })

  test('passes on what was to be pinned and promised', async () => {
    await remote.manager.pin('x', false)
    await remote.manager.pin(undefined, true)
    const size = { requiredBytes: 5, preferredBytes: 6 }
    await remote.manager.allocate('x', size, signal)
    expect(served.manager.pins).toEqual([
      ['x', false],
      [undefined, true],
    ])
    expect(served.manager.allocations).toEqual([['x', size]])
  })

  test('vectors keep every digit', async () => {
    const vector = [0.1, -1 / 3, 1e-30, 5]
    served.manager.embed = async () => ({ modelId: 'a', vectors: [vector], promptTokens: 1 })
    expect((await remote.manager.embed(undefined, ['x'], signal)).vectors).toEqual([vector])
  })

  test('an error keeps its reason, its code and its words', async () => {
    await expect(remote.manager.load('unknown', signal)).rejects.toMatchObject({
      name: 'ResourceError',
      code: 'INVALID_MODEL_ID',
      reason: 'model-not-found',
      message: "Unknown model 'unknown'.",
    })
  })

  test('a call that is aborted is cancelled, there and here', async () => {
    const begun = Promise.withResolvers<AbortSignal>()
    Object.assign(served.manager, {
      load(_model: unknown, there: AbortSignal): Promise<never> {
        begun.resolve(there)
        return new Promise(() => {})
      },
    })
    const leaving = new AbortController()
    const load = remote.manager.load('a', leaving.signal)
    const there = await begun.promise
    leaving.abort()
    await expect(load).rejects.toMatchObject({ name: 'ResourceError', reason: 'request-cancelled' })
    await expect.poll(() => there.aborted).toBe(true)
  })

  test('a connection that breaks before the answer is a daemon that cannot be reached', async () => {
    const begun = Promise.withResolvers<void>()
    Object.assign(served.manager, {
      load(): Promise<never> {
        begun.resolve()
        return new Promise(() => {})
      },
    })
    const load = remote.manager.load('a', signal)
    await begun.promise
    line.break()
    await expect(load).rejects.toMatchObject({ name: 'ResourceError', reason: 'daemon-unreachable' })
  })
})

describe('what is kept', () => {
  test('contexts', async () => {
    const limits = { maxTokens: 10, contextWindow: 20 }
    const message = { role: 'user', content: 'hi' }
    const context = await remote.contexts.initialize('a', limits)
    expect(context).toMatchObject({ modelId: 'a', conversationId: 'conv_1', createdAtMs: 1, lastAccessedAtMs: 2 })
    expect(await remote.contexts.addMessage('a', message)).toEqual(context)
    expect(await remote.contexts.get('a')).toEqual(context)
    await remote.contexts.remove('a')
    expect(await remote.contexts.get('none')).toBeUndefined()
    await expect(remote.contexts.remove('none')).rejects.toMatchObject({ reason: 'context-not-found' })
    expect(served.services.calls.slice(0, 4)).toEqual([
      ['initialize', ['a', limits]],
      ['addMessage', ['a', message]],
      ['get', ['a', undefined]],
      ['remove', ['a', undefined]],
    ])
  })

  test.each<[unknown, unknown]>([
    [undefined, null],
    [null, null],
    ['x', 'x'],
    [
      { role: 'user', content: 'x', timestamp: new Date(5) },
      { role: 'user', content: 'x', timestamp: 5 },
    ],
    [
      { role: 'user', content: 'x', timestamp: 5 },
      { role: 'user', content: 'x', timestamp: 5 },
    ],
  ])('a message of a context: %j arrives as %j', async (message, there) => {
    await remote.contexts.addMessage('a', message)
    expect(served.services.calls).toEqual([['addMessage', ['a', there]]])
  })

  test('conversations', async () => {
    const odd = storedConversation({ id: 'a/b ?' })
    served.services.stored.push(odd, storedConversation({ id: 'c' }))
    expect(await remote.conversations.list({ limit: 5, beforeMs: 9 })).toEqual(served.services.stored)
    expect(served.services.calls).toEqual([['list', { limit: 5, beforeMs: 9 }]])
    expect(await remote.conversations.get('a/b ?')).toEqual(odd)
    await remote.conversations.delete('a/b ?')
    await expect(remote.conversations.get('a/b ?')).rejects.toMatchObject({ reason: 'conversation-not-found' })
    expect(await remote.conversations.deleteAll()).toBe(1)
  })

  test('history', async () => {
    const decisions = [{ eventId: 7, atMs: 5, decision: 'load', modelId: 'a', inputs: {} }]
    expect(await remote.history.decisions({ modelId: 'a & b', limit: 2 })).toEqual(decisions)
    expect(await remote.history.decisions({ eventId: 7, limit: 3 })).toEqual(decisions)
    expect(await remote.history.requests({ limit: 4 })).toEqual([])
    expect(await remote.history.requests({ afterEventId: 8, limit: 5 })).toEqual([])
    expect(served.services.calls).toEqual([
      ['decisions', { modelId: 'a & b', limit: 2 }],
      ['decisions', { eventId: 7, limit: 3 }],
      ['requests', { limit: 4 }],
      ['requests', { afterEventId: 8, limit: 5 }],
    ])
  })

  test('the configuration; what is refused there is refused here', async () => {
    await remote.configuration.configure({ debug: true, limits: undefined })
    expect(served.services.calls).toEqual([['configure', { debug: true }]])
    for (const garbage of [null, undefined, 'x']) {
      await expect(remote.configuration.configure(garbage)).rejects.toMatchObject({ reason: 'config-invalid' })
    }
  })
})

describe('events', () => {
  const happened = (id: number): GrymEvent => ({
    id,
    atMs: 5,
    type: 'modelLoading',
    data: { modelId: 'a', attempt: 1 },
  })
  const publish = (...ids: number[]): void => {
    for (const id of ids) served.manager.publish(happened(id))
  }
  /** Ids as they are heard, and how to stop. */
  async function follow(afterEventId?: number): Promise<{ readonly heard: number[]; readonly leave: () => void }> {
    const heard: number[] = []
    const leave = remote.manager.subscribe(afterEventId, ({ id }) => void heard.push(id))
    await expect.poll(() => served.manager.followers.size).toBe(1)
    return { heard, leave }
  }

  test('come after the one that was named, whole and in order', async () => {
    publish(1, 2, 3)
    const { heard } = await follow(1)
    publish(4)
    await expect.poll(() => heard).toEqual([2, 3, 4])
  })

  test.each([[0], [undefined]])('go on where they were when the connection breaks (after %s)', async (after) => {
    const { heard } = await follow(after)
    publish(1, 2)
    await expect.poll(() => heard).toEqual([1, 2])
    line.break()
    await expect.poll(() => served.manager.followers.size).toBe(0)
    publish(3, 4)
    await expect.poll(() => heard, { timeout: 10_000 }).toEqual([1, 2, 3, 4])
    publish(5)
    await expect.poll(() => heard).toEqual([1, 2, 3, 4, 5])
  })

  test('a listener that left hears nothing more, and the daemon sees it leave', async () => {
    const { heard, leave } = await follow()
    publish(1)
    await expect.poll(() => heard).toEqual([1])
    leave()
    leave()
    await expect.poll(() => served.manager.followers.size).toBe(0)
    publish(2)
    expect(heard).toEqual([1])
  })

  test('after destroy() nothing is followed, and nothing can be', async () => {
    const { heard } = await follow()
    remote.destroy()
    await expect.poll(() => served.manager.followers.size).toBe(0)
    const later: number[] = []
    remote.manager.subscribe(0, ({ id }) => void later.push(id))
    publish(1)
    await remote.manager.status()
    expect([heard, later, served.manager.followers.size]).toEqual([[], [], 0])
  })

  test('destroy() ends a wait for a daemon that is gone', async () => {
    const { heard } = await follow()
    await line[Symbol.asyncDispose]()
    remote.destroy()
    await expect.poll(() => served.manager.followers.size).toBe(0)
    expect(heard).toEqual([])
  })

  test('one of two listeners that leaves takes nothing from the other', async () => {
    const heard: string[] = []
    const leave = remote.manager.subscribe(undefined, ({ id }) => void heard.push(`first ${id}`))
    remote.manager.subscribe(undefined, ({ id }) => void heard.push(`second ${id}`))
    await expect.poll(() => served.manager.followers.size).toBe(2)
    leave()
    await expect.poll(() => served.manager.followers.size).toBe(1)
    publish(1)
    await expect.poll(() => heard).toEqual(['second 1'])
  })
})

test('an address where nobody answers says how to start a daemon', async () => {
  await line[Symbol.asyncDispose]()
  await expect(remote.manager.status()).rejects.toMatchObject(
    resourceError('daemon-unreachable', `No daemon answers at ${line.url}. Start one with \`grym serve\`.`),
  )
})
