import { describe, expect, test } from 'vitest'
import { TemporaryFolder } from '../../test/support/system-ground.ts'
import type { ModelContext } from '../spec/contexts.ts'
import { resourceError } from '../spec/errors.ts'
import type { CountTokens } from '../spec/token-count.ts'
import { VirtualClock } from '../testing/virtual-clock.ts'
import { ConversationStore } from './conversation-store.ts'
import { ModelContexts, type ModelContextsOptions } from './model-contexts.ts'

const LIMITS = { maxTokens: 50, contextWindow: 100, responseTokens: 10 }

/** A token a letter, and two a message; takes a turn of the loop, like a real one. */
const countLetters: CountTokens = async (_model, messages) => {
  await new Promise((resolve) => setImmediate(resolve))
  return { tokens: messages.reduce((sum, { content }) => sum + content.length + 2, 0), source: 'exact' }
}

interface Ground {
  readonly contexts: ModelContexts
  readonly store: ConversationStore
  readonly clock: VirtualClock
  readonly faults: unknown[]
  readonly another: (options?: Partial<ModelContextsOptions>) => ModelContexts
}

async function run(check: (ground: Ground) => Promise<void>): Promise<void> {
  await using folder = await TemporaryFolder.make()
  using store = await ConversationStore.open({ path: folder.at('conversations.db') })
  const clock = new VirtualClock(1_000_000_000_000)
  const faults: unknown[] = []
  const onFault = (error: unknown): void => void faults.push(error)
  const another: Ground['another'] = (options) =>
    new ModelContexts({ store, countTokens: countLetters, clock, onFault, ...options })
  await check({ contexts: another(), store, clock, faults, another })
}

function say(content: unknown, rest: object = {}): object {
  return { role: 'user', content, timestamp: 5, ...rest }
}

function texts(context: ModelContext | undefined): readonly string[] {
  return context?.messages.map(({ content }) => content) ?? []
}

describe('initialize', () => {
  test('opens an empty context', () =>
    run(async ({ contexts, store }) => {
      const context = await contexts.initialize('tiny', LIMITS)
      expect(context).toEqual({
        modelId: 'tiny',
        conversationId: store.idOf('local', 'context:tiny'),
        messages: [],
        tokens: 0,
        tokenSource: 'exact',
        ...LIMITS,
        createdAtMs: 1_000_000_000_000,
        lastAccessedAtMs: 1_000_000_000_000,
      })
      expect(await contexts.get('tiny')).toEqual(context)
      expect(await contexts.get('other')).toBe(undefined)
      expect(store.totals().conversations).toBe(0)
    }))

  test('a second time is refused, at once as well', () =>
    run(async ({ contexts }) => {
      const both = await Promise.allSettled([contexts.initialize('tiny', LIMITS), contexts.initialize('tiny', LIMITS)])
      expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
      await expect(contexts.initialize('tiny', null)).rejects.toMatchObject({
        reason: 'duplicate-context',
        message: 'Context already exists for model: tiny',
      })
    }))

  test.each([
    [null, 'must be an object'],
    [undefined, 'must be an object'],
    ['8192', 'must be an object'],
    [{ maxTokens: 0, contextWindow: 0 }, 'Context window must be greater than 0'],
    [{ maxTokens: 10, contextWindow: -1 }, 'Context window must be greater than 0'],
    [{ maxTokens: 10 }, 'Context window must be greater than 0'],
    [{ maxTokens: 10, contextWindow: Number.NaN }, 'Context window must be greater than 0'],
    [{ maxTokens: 10, contextWindow: 10.5 }, 'Context window must be greater than 0'],
    [{ maxTokens: 0, contextWindow: 10 }, 'Max tokens must be greater than 0'],
    [{ maxTokens: '10', contextWindow: 10 }, 'Max tokens must be greater than 0'],
    [{ maxTokens: 10, contextWindow: 10, responseTokens: 10 }, 'Response tokens must be'],
    [{ maxTokens: 10, contextWindow: 10, responseTokens: -1 }, 'Response tokens must be'],
  ])('limits of %j are refused', (limits, message) =>
    run(async ({ contexts }) => {
      const refused = expect.objectContaining({
        reason: 'invalid-constraints',
        message: expect.stringContaining(message) as string,
      })
      await expect(contexts.initialize('tiny', limits)).rejects.toEqual(refused)
      expect(await contexts.get('tiny')).toBe(undefined)
    }),
  )

  test('takes up what an earlier process kept, as far as it fits', () =>
    run(async ({ contexts, another, clock }) => {
      await contexts.initialize('tiny', LIMITS)
      for (const letter of ['a', 'b', 'c', 'd']) await contexts.addMessage('tiny', say(letter.repeat(18)))
      clock.sleep(60_000)
      const taken = await another().initialize('tiny', LIMITS)
      expect(taken.messages).toEqual((await contexts.get('tiny'))?.messages)
      expect(taken).toMatchObject({ tokens: 80, createdAtMs: 1_000_000_000_000, lastAccessedAtMs: 1_000_000_060_000 })
      const smaller = await another().initialize('tiny', { ...LIMITS, contextWindow: 50 })
      expect(texts(smaller)).toEqual(['c'.repeat(18), 'd'.repeat(18)])
      const tiny = await another().initialize('tiny', { maxTokens: 1, contextWindow: 1 })
      expect(texts(tiny)).toEqual(['d'.repeat(18)])
    }))

  test('has a limit on contexts', () =>
    run(async ({ another }) => {
      const contexts = another({ maxContexts: 2 })
      await contexts.initialize('one', LIMITS)
      await contexts.initialize('two', LIMITS)
      await expect(contexts.initialize('three', LIMITS)).rejects.toMatchObject({ reason: 'resource-exhausted' })
      await contexts.remove('one')
      await contexts.initialize('three', LIMITS)
    }))
})

describe('addMessage', () => {
  test.each([
    [null, 'Message cannot be null or undefined'],
    [undefined, 'Message cannot be null or undefined'],
    [say(undefined), 'Message content must be a string'],
    [say(5), 'Message content must be a string'],
    [say(''), 'Message content cannot be empty'],
    [say(' \n '), 'Message content cannot be empty'],
    [say('x', { role: undefined }), 'Message role is required'],
    [say('x', { role: '' }), 'Message role is required'],
    [say('x', { role: 'robot' }), 'Invalid message role'],
    [say('x', { timestamp: 'now' }), 'Message timestamp must be'],
    [say('x', { timestamp: 1e300 }), 'Message timestamp must be'],
    [say('x', { timestamp: new Date(Number.NaN) }), 'Message timestamp must be'],
  ])('%j is refused, and changes nothing', (message, text) =>
    run(async ({ contexts }) => {
      await contexts.initialize('tiny', LIMITS)
      await contexts.addMessage('tiny', say('before'))
      const refused = expect.objectContaining({
        reason: 'invalid-message',
        message: expect.stringContaining(text) as string,
      })
      await expect(contexts.addMessage('tiny', message)).rejects.toEqual(refused)
      expect(texts(await contexts.get('tiny'))).toEqual(['before'])
    }),
  )

  test('to an unknown context is refused, and others do not notice', () =>
    run(async ({ contexts }) => {
      await contexts.initialize('tiny', LIMITS)
      await expect(contexts.addMessage('other', say('x'))).rejects.toMatchObject({
        reason: 'context-not-found',
        message: 'Context not found for model: other',
      })
      expect(texts(await contexts.addMessage('tiny', say('x')))).toEqual(['x'])
    }))

  test('takes every role, and a time as number, Date or none', () =>
    run(async ({ contexts }) => {
      await contexts.initialize('tiny', LIMITS)
      const times = [3, new Date(4), undefined, undefined]
      for (const [index, role] of ['system', 'user', 'assistant', 'tool'].entries()) {
        await contexts.addMessage('tiny', { role, content: 'x', timestamp: times[index] })
      }
      const { messages } = (await contexts.get('tiny')) ?? { messages: [] }
      expect(messages.map(({ role, timestamp }) => [role, timestamp])).toEqual([
        ['system', 3],
        ['user', 4],
        ['assistant', 1_000_000_000_000],
        ['tool', 1_000_000_000_000],
      ])
    }))

  test('keeps the newest in the window, in order and unchanged; all stay in the conversation', () =>
    run(async ({ contexts, store }) => {
      await contexts.initialize('tiny', LIMITS)
      const all = Array.from({ length: 30 }, (_, index) => `message ${index} `)
      for (const content of all) {
        const { messages, tokens } = await contexts.addMessage('tiny', say(content))
        expect(tokens).toBeLessThanOrEqual(90)
        expect(messages.at(-1)).toEqual({ role: 'user', content, timestamp: 5 })
      }
      expect(texts(await contexts.get('tiny'))).toEqual(all.slice(-6))
      const kept = await store.get(store.idOf('local', 'context:tiny'))
      expect(kept.messages.map(({ content }) => content)).toEqual(all)
    }))

  test('a message at the limit is taken, though it be alone; one token more ends the context', () =>
    run(async ({ contexts }) => {
      await contexts.initialize('tiny', LIMITS)
      await contexts.initialize('other', LIMITS)
      await contexts.initialize('tight', { ...LIMITS, contextWindow: 20, responseTokens: 10 })
      for (const length of [47, 48]) {
        expect(texts(await contexts.addMessage('tiny', say('x'.repeat(length)))).at(-1)).toHaveLength(length)
      }
      expect(texts(await contexts.addMessage('tight', say('x'.repeat(18))))).toEqual(['x'.repeat(18)])
      await expect(contexts.addMessage('tiny', say('x'.repeat(49)))).rejects.toMatchObject({
        reason: 'resource-exhausted',
        message: expect.stringContaining('Token limit exceeded') as string,
      })
      expect(await contexts.get('tiny')).toBe(undefined)
      expect(await contexts.get('other')).toBeDefined()
      await expect(contexts.addMessage('tiny', say('x'))).rejects.toMatchObject({ reason: 'context-not-found' })
    }))

  test('ten at once are all kept, in the order of the calls', () =>
    run(async ({ contexts, store }) => {
      await contexts.initialize('tiny', LIMITS)
      const all = Array.from({ length: 10 }, (_, index) => `${index}`)
      await Promise.all(all.map((content) => contexts.addMessage('tiny', say(content))))
      expect(texts(await contexts.get('tiny'))).toEqual(all)
      expect(store.newest('local', 'context:tiny', 100).map(({ content }) => content)).toEqual(all)
    }))

  test('one that is refused holds up none that come after it', () =>
    run(async ({ contexts }) => {
      await contexts.initialize('tiny', LIMITS)
      const calls = [say('a'), null, say('b')].map((message) => contexts.addMessage('tiny', message))
      expect((await Promise.allSettled(calls)).map(({ status }) => status)).toEqual([
        'fulfilled',
        'rejected',
        'fulfilled',
      ])
      expect(texts(await contexts.get('tiny'))).toEqual(['a', 'b'])
    }))

  test('a disk that is full costs nothing; what it did not take is written with the next message', () =>
    run(async ({ another, store, faults }) => {
      let isFull = false
      const full = resourceError('disk-full', 'No room is left.')
      const failing = {
        append: (addition: Parameters<ConversationStore['append']>[0]): void => {
          if (isFull) throw full
          store.append(addition)
        },
        newest: store.newest.bind(store),
        idOf: store.idOf.bind(store),
        find: store.find.bind(store),
        delete: store.delete.bind(store),
      }
      const contexts = another({ store: failing })
      await contexts.initialize('tiny', LIMITS)
      await contexts.addMessage('tiny', say('a'))
      isFull = true
      await contexts.addMessage('tiny', say('b'))
      expect(texts(await contexts.addMessage('tiny', say('c')))).toEqual(['a', 'b', 'c'])
      expect(faults).toEqual([full, full])
      expect(store.newest('local', 'context:tiny', 10).map(({ content }) => content)).toEqual(['a'])
      isFull = false
      await contexts.addMessage('tiny', say('d'))
      expect(store.newest('local', 'context:tiny', 10).map(({ content }) => content)).toEqual(['a', 'b', 'c', 'd'])
    }))

  test('writes nothing while nothing is to be kept', () =>
    run(async ({ another, store }) => {
      const contexts = another({ isKept: () => false })
      await contexts.initialize('tiny', LIMITS)
      expect(texts(await contexts.addMessage('tiny', say('a')))).toEqual(['a'])
      expect(store.totals().messages).toBe(0)
      await contexts.remove('tiny')
    }))

  test('a time of long ago or far ahead costs no conversation its place', () =>
    run(async ({ contexts, store, clock }) => {
      await contexts.initialize('tiny', LIMITS)
      await contexts.addMessage('tiny', say('old', { timestamp: 0 }))
      await contexts.initialize('other', LIMITS)
      await contexts.addMessage('other', say('ahead', { timestamp: 8.64e15 }))
      expect(await store.sweep(clock.nowMs())).toBe(0)
      expect(store.totals().conversations).toBe(2)
    }))

  test('what is given out can be changed without harm', () =>
    run(async ({ contexts }) => {
      await contexts.initialize('tiny', LIMITS)
      const context = await contexts.addMessage('tiny', say('a'))
      Object.assign(context.messages[0] ?? {}, { content: 'changed' })
      expect(texts(await contexts.get('tiny'))).toEqual(['a'])
    }))
})

describe('remove', () => {
  test('deletes what was said; the next one is empty', () =>
    run(async ({ contexts, store }) => {
      await contexts.initialize('tiny', LIMITS)
      await contexts.addMessage('tiny', say('a'))
      await contexts.remove('tiny')
      expect(await contexts.get('tiny')).toBe(undefined)
      expect(store.totals()).toEqual({ conversations: 0, messages: 0, bytes: 0 })
      expect((await contexts.initialize('tiny', LIMITS)).messages).toEqual([])
    }))

  test('of what is not there is refused', () =>
    run(async ({ contexts }) => {
      await expect(contexts.remove('tiny')).rejects.toMatchObject({
        reason: 'context-not-found',
        message: 'Cannot remove non-existent context: tiny',
      })
    }))

  test('waits for the messages before it', () =>
    run(async ({ contexts, store }) => {
      await contexts.initialize('tiny', LIMITS)
      const calls = [
        contexts.addMessage('tiny', say('a')),
        contexts.remove('tiny'),
        contexts.addMessage('tiny', say('b')),
      ]
      expect((await Promise.allSettled(calls)).map(({ status }) => status)).toEqual([
        'fulfilled',
        'fulfilled',
        'rejected',
      ])
      expect(store.totals().conversations).toBe(0)
    }))
})

test('counting that is under way is given up at the end', () =>
  run(async ({ another }) => {
    const signals: AbortSignal[] = []
    const contexts = another({
      countTokens: async (model, messages, signal) => {
        signals.push(signal)
        return countLetters(model, messages, signal)
      },
    })
    await contexts.initialize('tiny', LIMITS)
    await contexts.addMessage('tiny', say('a'))
    contexts[Symbol.dispose]()
    expect(signals[0]?.aborted).toBe(true)
  }))
