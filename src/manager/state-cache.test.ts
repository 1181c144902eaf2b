import { describe, expect, test } from 'vitest'
import { ask, define, never, settle, Stage } from '../../test/support/manager-stage.ts'
import type { InferChunk } from '../spec/admin.ts'
import type { InferRequest } from '../spec/admin.ts'
import type { ConversationWish } from '../spec/admin.ts'
import { resourceError } from '../spec/errors.ts'
import type { StateAccess } from '../spec/provider.ts'
import type { SavedState, SaveReason } from '../spec/state-cache.ts'
import { ScriptedStateCache } from '../testing/scripted-state-cache.ts'
import type { ManagerOptions } from './manager-options.ts'

const MB = 1_000_000

/** An engine whose states a test conducts. */
class ScriptedStates implements StateAccess {
  readonly saves: [string, SaveReason][] = []
  readonly restores: [string, readonly string[]][] = []
  saved: readonly SavedState[] = []
  restoredTokens = 900
  save: StateAccess['save'] = async (modelId, reason) => {
    this.saves.push([modelId, reason])
    return this.saved
  }

  async restore(modelId: string, entryIds: readonly string[]): Promise<number> {
    this.restores.push([modelId, entryIds])
    return this.restoredTokens
  }
}

function savedState(entryId = 's1'): SavedState {
  return { entryId, modelId: 'a', path: `/h/.cache/models/${entryId}.cache`, tokens: 900, bytes: 5 }
}

interface Ground {
  readonly stage: Stage
  readonly cache: ScriptedStateCache
  readonly states: ScriptedStates
}

async function started(changes: Partial<ManagerOptions> = {}, hasStates = true): Promise<Ground> {
  const stage = new Stage()
  const cache = new ScriptedStateCache()
  const states = new ScriptedStates()
  if (hasStates) Object.assign(stage.provider, { states })
  await stage.start({ stateCache: cache, ...changes })
  return { stage, cache, states }
}

/** An answer on its way, its first word said. */
async function answering(stage: Stage): Promise<AsyncIterator<InferChunk>> {
  const chunks = stage.manager.infer(ask(true), never())[Symbol.asyncIterator]()
  const first = chunks.next()
  await settle()
  await settle()
  stage.say('word')
  await first
  return chunks
}

function pass({ clock }: Stage, durationMs: number): Promise<void> {
  return clock.advanceTo(clock.nowMs() + durationMs)
}

function typesOf({ events }: Stage): string[] {
  return events.map(({ type }) => type).filter((type) => type.startsWith('model') || type === 'error')
}

describe('before a model leaves memory its states are saved', () => {
  test('asked for, for good; the reason is told', async () => {
    const { stage, states } = await started()
    await stage.manager.load('a', never())
    await stage.manager.unload('a', never())
    expect(states.saves).toEqual([['a', 'unload']])
  })

  test('a save that does not end is given up after 30 s, not before, and is told', async () => {
    const { stage, states } = await started()
    await stage.manager.load('a', never())
    states.save = () => new Promise(() => {})
    let isOver = false
    const over = stage.manager.unload('a', never()).then(() => (isOver = true))
    await settle()
    await pass(stage, 29_999)
    await settle()
    expect(isOver).toBe(false)
    await pass(stage, 1)
    await over
    expect(stage.faults).toMatchObject([{ reason: 'cache-operation-failed', message: expect.stringContaining('30 s') }])
  })

  test('at the end of the daemon, within the grace', async () => {
    const { stage, states } = await started()
    await stage.manager.load('a', never())
    await stage.manager.close(1_000)
    expect(states.saves).toEqual([['a', 'shutdown']])
  })

  test('what still serves when the grace is over gets no answer, and is saved then', async () => {
    const { stage, states } = await started()
    const chunks = await answering(stage)
    const closed = stage.manager.close(1_000)
    await settle()
    expect(states.saves).toEqual([])
    await pass(stage, 1_000)
    await expect(chunks.next().then(() => chunks.next())).rejects.toMatchObject({ reason: 'shutting-down' })
    await closed
    expect(states.saves).toEqual([['a', 'shutdown']])
  })

  test('destroyed: callers get no answer at once; what is idle and what served is saved, for 1.5 s at most', async () => {
    const { stage, states } = await started()
    const chunks = await answering(stage)
    states.save = (modelId, reason) => {
      states.saves.push([modelId, reason])
      return new Promise(() => {})
    }
    let isOver = false
    const over = stage.manager.destroy().then(() => (isOver = true))
    await expect(chunks.next().then(() => chunks.next())).rejects.toMatchObject({ reason: 'shutting-down' })
    expect(states.saves).toEqual([['a', 'shutdown']])
    await pass(stage, 1_499)
    await settle()
    expect(isOver).toBe(false)
    await pass(stage, 1)
    await over

    const idle = await started()
    await idle.stage.manager.load('a', never())
    await idle.stage.manager.destroy()
    expect(idle.states.saves).toEqual([['a', 'shutdown']])
  })

  test('without a cache nothing is asked of the engine', async () => {
    const { stage, states } = await started({ stateCache: undefined })
    await stage.manager.load('a', never())
    await stage.manager.unload('a', never())
    expect(states.saves).toEqual([])
  })
})

describe('moved to the cache', () => {
  test('a state that could not be saved is no state that had not to be: its reason is told', async () => {
    const { stage, cache, states } = await started()
    states.save = async () => {
      cache.tellFault({ modelId: 'a', message: 'A state could not be kept: no room.', isCorrupt: false })
      return []
    }
    await stage.manager.load('a', never())
    const receipt = await stage.manager.moveToCache('a', {}, never())
    expect(receipt.note).toBe('A state could not be kept: no room.')
    states.save = async () => []
    await stage.manager.load('a', never())
    expect((await stage.manager.moveToCache('a', {}, never())).note).toContain('No state had to be saved')
  })

  test('saved, written, given back; measured before and after, told once', async () => {
    const conversationsOf = async (): Promise<readonly string[]> => ['conv_1']
    const { stage, cache, states } = await started({ conversationsOf })
    states.saved = [savedState('s1'), savedState('s2')]
    await stage.manager.load('a', never())
    const receipt = await stage.manager.moveToCache('a', { ttlMs: 5_000, priority: 'low' }, never())
    expect(receipt).toEqual({
      ...{ modelId: 'a', cachePath: '/h/.cache/models/s1.cache', wasLoaded: true, states: 2, tokens: 1_800 },
      ...{ beforeBytes: 90 * MB, afterBytes: 0, savedBytes: 90 * MB, sizeSource: 'measured' },
    })
    expect(states.saves).toEqual([['a', 'cache']])
    const { metadata, ...moved } = cache.moved[0] ?? { metadata: {} }
    expect(moved).toEqual({ modelId: 'a', saved: states.saved, ttlMs: 5_000, priority: 'low' })
    expect(metadata).toMatchObject({ platform: 'local', contextTokens: 1_000, conversations: ['conv_1'] })
    expect(typesOf(stage)).toEqual(['modelLoading', 'modelLoaded', 'modelCached', 'modelUnloaded'])
    expect(stage.events.find(({ type }) => type === 'modelCached')?.data).toEqual(receipt)
  })

  test('beside another model on its weights only what is really freed counts', async () => {
    const catalog = {
      resolve: async (name: string | undefined) => ({ ...define(name ?? 'a'), engineKey: 'shared' }),
      list: async () => [],
      about: () => Promise.reject(new Error('nobody asks')),
    }
    const { stage } = await started({ catalog })
    stage.provider.measure = async (modelId) =>
      stage.manager.status().models.find(({ id }) => id === modelId)?.state === 'unloading' && isGone
        ? undefined
        : { bytes: modelId === 'a' ? 100 * MB : isGone ? 80 * MB : 15 * MB, source: 'measured' }
    let isGone = false
    const unload = stage.provider.unload.bind(stage.provider)
    stage.provider.unload = async (modelId) => {
      await unload(modelId)
      isGone = true
    }
    await stage.manager.load('a', never())
    await stage.manager.load('b', never())
    const receipt = await stage.manager.moveToCache('a', {}, never())
    expect(receipt).toMatchObject({ beforeBytes: 115 * MB, afterBytes: 80 * MB, savedBytes: 35 * MB })
  })

  test('waits for the request that it serves', async () => {
    const { stage } = await started()
    const chunks = await answering(stage)
    const moved = stage.manager.moveToCache('a', {}, never())
    await settle()
    await settle()
    expect(typesOf(stage)).not.toContain('modelCached')
    stage.end()
    for (let next = await chunks.next(); !next.done; next = await chunks.next());
    expect(await moved).toMatchObject({ wasLoaded: true })
  })

  test('a file that cannot be written keeps the model in memory', async () => {
    const { stage, cache } = await started()
    await stage.manager.load('a', never())
    cache.fault = resourceError('disk-full', 'No room.')
    await expect(stage.manager.moveToCache('a', {}, never())).rejects.toMatchObject({ reason: 'disk-full' })
    expect(stage.manager.status().models).toMatchObject([{ id: 'a', state: 'ready' }])
    cache.fault = undefined
    await pass(stage, 5_000)
    expect(await stage.manager.moveToCache('a', {}, never())).toMatchObject({ wasLoaded: true })
  })

  test('an engine without states: its file has none, and it says so', async () => {
    const { stage, cache } = await started({}, false)
    await stage.manager.load('a', never())
    const receipt = await stage.manager.moveToCache('a', {}, never())
    expect(receipt).toMatchObject({ states: 0, savedBytes: 90 * MB, note: expect.stringContaining('from their text') })
    expect(cache.moved).toMatchObject([{ saved: [] }])
    await stage.manager.load('a', never())
    expect(stage.events.findLast(({ type }) => type === 'modelLoaded')).toMatchObject({ data: { fromCache: true } })
  })

  test('one that is not in memory frees nothing, and stays in the cache', async () => {
    const { stage, cache } = await started()
    const receipt = await stage.manager.moveToCache('a', {}, never())
    expect(receipt).toMatchObject({ wasLoaded: false, beforeBytes: 0, afterBytes: 0, savedBytes: 0 })
    expect(receipt.note).toContain('not in memory')
    expect(await stage.manager.moveToCache('a', { ttlMs: 7 }, never())).toEqual(receipt)
    expect(cache.moved).toHaveLength(1)
    expect(await cache.cachedModel('a')).toMatchObject({ expiresAtMs: 8 })
  })

  test.each([
    ['a cache that is off', true],
    ['no cache', false],
  ])('%s refuses, and the model stays', async (_, hasCache) => {
    const { stage, cache } = await started(hasCache ? {} : { stateCache: undefined })
    cache.isEnabled = false
    await stage.manager.load('a', never())
    const refused = { reason: 'cache-operation-failed', message: expect.stringContaining('stays as it is') }
    await expect(stage.manager.moveToCache('a', {}, never())).rejects.toMatchObject(refused)
    expect(stage.manager.status().models).toMatchObject([{ state: 'ready' }])
  })

  test('an unknown model is refused as everywhere', async () => {
    const { stage } = await started()
    const refused = { reason: 'model-not-found' }
    await expect(stage.manager.moveToCache('unknown', {}, never())).rejects.toMatchObject(refused)
  })
})

describe('the load that follows', () => {
  async function moved(): Promise<Ground> {
    const ground = await started()
    ground.states.saved = [savedState()]
    await ground.stage.manager.load('a', never())
    await ground.stage.manager.moveToCache('a', {}, never())
    return ground
  }

  const lastLoad = ({ stage }: Ground): unknown => stage.events.findLast(({ type }) => type === 'modelLoaded')?.data

  test('brings its states back, once', async () => {
    const ground = await moved()
    await ground.stage.manager.load('a', never())
    expect(ground.states.restores).toEqual([['a', ['s1']]])
    expect(lastLoad(ground)).toMatchObject({ fromCache: true })
    await ground.stage.manager.unload('a', never())
    await ground.stage.manager.load('a', never())
    expect(lastLoad(ground)).toMatchObject({ fromCache: false })
  })

  test('states that the engine does not take are no cache', async () => {
    const ground = await moved()
    ground.states.restoredTokens = 0
    await ground.stage.manager.load('a', never())
    expect(lastLoad(ground)).toMatchObject({ fromCache: false })
  })

  test('an expired one is a load like any other', async () => {
    const ground = await moved()
    ground.cache.cached.set('a', 'expired')
    await ground.stage.manager.load('a', never())
    expect(lastLoad(ground)).toMatchObject({ fromCache: false })
    expect(typesOf(ground.stage)).not.toContain('error')
  })

  test('a damaged one is told once, and the load succeeds', async () => {
    const ground = await moved()
    ground.cache.cached.set('a', 'corrupt')
    expect(await ground.stage.manager.load('a', never())).toMatchObject({ state: 'ready' })
    expect(lastLoad(ground)).toMatchObject({ fromCache: false })
    const told = ground.stage.events.filter(({ type }) => type === 'error').map(({ data }) => data)
    expect(told).toMatchObject([
      { code: 'SYSTEM_ERROR', reason: 'cache-operation-failed', recoverable: false, modelId: 'a' },
    ])
    expect(told[0]).toMatchObject({ message: expect.stringContaining('CACHE_OPERATION_FAILED') })
  })

  test('a cache that hangs holds no load for longer than 30 s', async () => {
    const ground = await moved()
    ground.cache.cachedModel = () => new Promise(() => {})
    const loaded = ground.stage.manager.load('a', never())
    await settle()
    await settle()
    await pass(ground.stage, 30_000)
    await loaded
    expect(lastLoad(ground)).toMatchObject({ fromCache: false })
  })
})

describe('whose state it is, and what it was good for', () => {
  const CONVERSATIONS: NonNullable<ManagerOptions['conversations']> = {
    begin: () => ({ conversationId: 'conv_7', match: 'new', knownMessages: 0, nodeId: 1 }),
    finish: () => {},
  }

  async function askedWith(conversation: ConversationWish | undefined, isKept = true): Promise<unknown> {
    const { stage } = await started(isKept ? { conversations: CONVERSATIONS } : {})
    const request: InferRequest = { ...ask(false), conversation }
    void stage.manager.infer(request, never())[Symbol.asyncIterator]().next()
    await settle()
    await settle()
    return stage.asked[0]?.stateOwner
  }

  test('that of the conversation that is kept', async () => {
    expect(await askedWith({ owner: 'local' })).toEqual({ owner: 'local', conversationId: 'conv_7' })
  })

  test('nobody’s, where the request or this instance keeps none', async () => {
    expect(await askedWith(undefined)).toBeUndefined()
    expect(await askedWith({ owner: 'local' }, false)).toBeUndefined()
  })

  test('what was restored stands in the end, the event and the status', async () => {
    const { stage } = await started()
    const restored = { tokens: 5_999, restoreMs: 300, savedMs: 101_000 }
    const chunks = stage.manager.infer(ask(false), never())[Symbol.asyncIterator]()
    const first = chunks.next()
    await settle()
    await settle()
    const usage = { promptTokens: 6_000, cachedTokens: 5_999, generatedTokens: 1 }
    stage.answers[0]?.push({ type: 'end', finishReason: 'stop', usage, prefillMs: 1, decodeMs: 1, restored })
    stage.answers[0]?.end()
    await first
    expect((await chunks.next()).value).toMatchObject({ type: 'end', restored })
    expect(stage.events.find(({ type }) => type === 'requestFinished')?.data).toMatchObject({ restored })
    const { lastRestore, kvcache } = stage.manager.status()
    expect(lastRestore).toMatchObject({ modelId: 'a', promptTokens: 6_000, ...restored })
    expect(kvcache).toMatchObject({ totals: { restoredTokens: 5_999 } })
  })
})
