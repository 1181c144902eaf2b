import { describe, expect, test } from 'vitest'
import { ask, define, never, settle, Stage } from '../../test/support/manager-stage.ts'
import type { InferChunk } from '../spec/admin.ts'
import type { BegunTurn, Conversations, StoredAnswer, Turn } from '../spec/conversations.ts'
import { resourceError, toErrorData } from '../spec/errors.ts'
import { noDescription } from '../../test/support/no-description.ts'

const MB = 1_000_000

async function read(answer: AsyncIterable<InferChunk>): Promise<InferChunk[]> {
  const chunks: InferChunk[] = []
  for await (const chunk of answer) chunks.push(chunk)
  return chunks
}

/** Remembers what it is told, or is full. */
class Kept implements Conversations {
  readonly turns: Turn[] = []
  readonly answers: StoredAnswer[] = []
  isFull = false

  begin(turn: Turn): BegunTurn {
    if (this.isFull) throw resourceError('disk-full', 'No room.')
    this.turns.push(turn)
    return { conversationId: 'c1', match: 'new', knownMessages: 0, nodeId: 7 }
  }

  finish(_turn: BegunTurn, answer: StoredAnswer): void {
    if (this.isFull) throw resourceError('disk-full', 'No room.')
    this.answers.push(answer)
  }
}

describe('what is said is kept', () => {
  const kept = { ...ask(true), conversation: { owner: 'local' } }

  test('the question before it is answered, the answer before its end is told', async () => {
    const conversations = new Kept()
    const stage = await new Stage().start({ conversations })
    const answer = stage.manager.infer(kept, never())[Symbol.asyncIterator]()
    await settle()
    expect(conversations.turns).toMatchObject([{ owner: 'local', modelId: 'a', messages: kept.messages }])
    await settle()
    stage.say('Hel')
    stage.say('lo')
    expect((await answer.next()).value).toMatchObject({ type: 'start', receipt: { conversationId: 'c1' } })
    stage.end()
    await settle()
    expect(conversations.answers).toMatchObject([{ message: { role: 'assistant', content: 'Hello' }, outcome: 'ok' }])
  })

  test('an answer that is left early is kept as far as it was passed on', async () => {
    const conversations = new Kept()
    const stage = await new Stage().start({ conversations })
    const leaving = new AbortController()
    const answer = stage.manager.infer(kept, leaving.signal)[Symbol.asyncIterator]()
    await settle()
    await settle()
    stage.say('Hel')
    await answer.next()
    await answer.next()
    leaving.abort()
    await expect(answer.next()).rejects.toMatchObject({ reason: 'request-cancelled' })
    expect(conversations.answers).toMatchObject([{ message: { content: 'Hel' }, outcome: 'request-cancelled' }])
  })

  test('a request that wishes for none is not kept', async () => {
    const conversations = new Kept()
    const stage = await new Stage().start({ conversations })
    const answer = read(stage.manager.infer(ask(false), never()))
    await settle()
    await settle()
    stage.end()
    expect((await answer).at(-1)).not.toHaveProperty('receipt.conversationId')
    expect(conversations.turns).toEqual([])
  })

  test('a full disk costs the memory of it, not the answer, and is told', async () => {
    const conversations = new Kept()
    conversations.isFull = true
    const stage = await new Stage().start({ conversations })
    const answer = read(stage.manager.infer({ ...kept, isStreamed: false }, never()))
    await settle()
    await settle()
    stage.say('x')
    stage.end()
    expect(await answer).toHaveLength(3)
    expect(stage.events.find(({ type }) => type === 'error')).toMatchObject({ data: { reason: 'disk-full' } })
  })
})

describe('what is configured for a model', () => {
  test('is put into requests that say nothing themselves', async () => {
    const defaults = { system: 'Be brief.', sampling: { temperature: 0.1, topK: 3 }, maxTokens: 9, stop: ['END'] }
    const catalog = { resolve: async () => ({ ...define('a'), defaults }), list: async () => [], about: noDescription }
    const stage = await new Stage().start({ catalog })
    const plain = { messages: [{ role: 'user' as const, content: 'hi' }], sampling: { topK: 5 }, stop: [] }
    void read(stage.manager.infer({ ...plain, model: 'a', isStreamed: false }, never()))
    await settle()
    await settle()
    expect(stage.asked[0]).toEqual({
      messages: [{ role: 'system', content: 'Be brief.' }, ...plain.messages],
      sampling: { temperature: 0.1, topK: 5 },
      maxTokens: 9,
      stop: ['END'],
    })
    expect(await stage.manager.countTokens('a', plain.messages, never())).toEqual({ tokens: 11, source: 'exact' })
    stage.end()
  })
})

describe('a prompt that may be too long', () => {
  test.each([
    ['too few bytes to be counted', 1_999, 1_000, false],
    ['counted, and it fits', 2_000, 999, false],
    ['counted, and no token is left for an answer', 2_000, 1_000, true],
    ['counted, and far too long', 3_000, 4_000, true],
  ])('%s', async (_, bytes, tokens, isRefused) => {
    const stage = await new Stage().start()
    stage.count = async () => tokens
    const messages = [{ role: 'user' as const, content: 'x'.repeat(bytes) }]
    const answer = read(stage.manager.infer({ ...ask(false), messages }, never()))
    if (isRefused)
      await expect(answer).rejects.toMatchObject({ reason: 'context-too-long', details: { promptTokens: tokens } })
    else {
      await settle()
      await settle()
      stage.end()
      await answer
    }
    expect(stage.loads).toBe(isRefused ? 0 : 1)
  })

  test('is not counted first where the model is in memory: its engine does that with the prompt', async () => {
    const stage = await new Stage().start()
    await stage.manager.load('a', never())
    stage.count = () => Promise.reject(new Error('it was counted'))
    const messages = [{ role: 'user' as const, content: 'x'.repeat(5_000) }]
    const answer = read(stage.manager.infer({ ...ask(false), messages }, never()))
    await settle()
    stage.end()
    await answer
    expect(stage.faults).toEqual([])
  })

  test('whose count fails is for its engine to judge', async () => {
    const stage = await new Stage().start()
    stage.count = () => Promise.reject(resourceError('engine-missing', 'not installed'))
    const messages = [{ role: 'user' as const, content: 'x'.repeat(5_000) }]
    const answer = read(stage.manager.infer({ ...ask(false), messages }, never()))
    await settle()
    await settle()
    stage.end()
    await answer
    expect(stage.faults).toHaveLength(1)
  })
})

describe('counting', () => {
  test('without an engine that can, an estimate says that it is one, and learns from real prompts', async () => {
    const stage = await new Stage().start()
    stage.count = () => Promise.reject(resourceError('engine-missing', 'not installed'))
    const messages = [{ role: 'user' as const, content: 'x'.repeat(400) }]
    expect(await stage.manager.countTokens('a', messages, never())).toEqual({ tokens: 104, source: 'estimated' })
    expect(stage.faults).toHaveLength(1)
    const answer = read(stage.manager.infer({ ...ask(false), messages }, never()))
    await settle()
    await settle()
    stage.end({ promptTokens: 204, cachedTokens: 0, generatedTokens: 1 })
    await answer
    expect(await stage.manager.countTokens('a', messages, never())).toEqual({ tokens: 204, source: 'estimated' })
  })

  test('tools and calls are a part of what is estimated, and what may not be called is not', async () => {
    const stage = await new Stage().start()
    stage.count = () => Promise.reject(resourceError('counting-unsupported', 'it does not'))
    const messages = [{ role: 'user' as const, content: 'x'.repeat(400) }]
    const tools = [{ name: 'y'.repeat(800 - '{"name":""}'.length) }]
    const tokens = async (...asked: Parameters<typeof stage.manager.countTokens>): Promise<number> =>
      (await stage.manager.countTokens(...asked)).tokens
    expect(await tokens('a', messages, never(), { tools })).toBe(304)
    expect(await tokens('a', messages, never(), { tools, toolChoice: 'none' })).toBe(104)
    const toolCalls = [{ id: 'c', name: 'z'.repeat(38), arguments: '{}' }]
    expect(await tokens('a', [{ role: 'assistant', content: '', toolCalls }], never())).toBe(14)
  })

  test('messages that the template refuses are an error, not an estimate', async () => {
    const stage = await new Stage().start()
    stage.count = () => Promise.reject(resourceError('template-failed', 'roles must alternate'))
    const count = stage.manager.countTokens('a', [{ role: 'user', content: 'x' }], never())
    await expect(count).rejects.toMatchObject({ reason: 'template-failed' })
  })
})

describe('embedding', () => {
  test('loads the model, takes a turn, and leaves none behind', async () => {
    const stage = await new Stage().start()
    const vectors = [[1], [1]]
    const embedded = await stage.manager.embed('a', ['one', 'two'], never())
    expect(embedded).toEqual({ modelId: 'a', vectors, promptTokens: 6 })
    expect(stage.manager.status()).toMatchObject({ queue: { running: 0 }, models: [{ id: 'a', state: 'ready' }] })
    expect(stage.events.find(({ type }) => type === 'requestFinished')).toMatchObject({ data: { outcome: 'ok' } })
  })

  test('an unknown model is told as such', async () => {
    const stage = await new Stage().start()
    const reason = await stage.manager
      .embed('unknown', ['x'], never())
      .catch((error: unknown) => toErrorData(error).reason)
    expect(reason).toBe('model-not-found')
  })
})

describe('giving back and promising', () => {
  test('everything leaves, promises end, and it is told in one event', async () => {
    const stage = await new Stage().start()
    await stage.manager.load('a', never())
    await stage.manager.load('b', never())
    await stage.manager.pin('b', true)
    await stage.manager.allocate('c', { requiredBytes: 10 * MB, preferredBytes: 20 * MB }, never())
    expect(await stage.manager.freeAll(never())).toEqual({ unloadedModels: ['a', 'b'] })
    const freed = stage.events.filter(({ type }) => type === 'resourcesFreed')
    expect(freed.map(({ data }) => data)).toEqual([{ unloadedModels: ['a', 'b'] }])
    expect(await stage.manager.freeAll(never())).toEqual({ unloadedModels: [] })
  })

  test('more than the machine has is refused', async () => {
    const stage = await new Stage().start()
    const size = { requiredBytes: 801 * MB, preferredBytes: 801 * MB }
    await expect(stage.manager.allocate('a', size, never())).rejects.toMatchObject({ reason: 'model-too-large' })
  })

  test('ids of events go on where an earlier instance ended', async () => {
    const stage = await new Stage().start({ lastEventId: 41 })
    await stage.manager.load('a', never())
    expect(stage.events[0]?.id).toBe(42)
  })
})

describe('status', () => {
  test('shows what a model takes in parts, how long it took, how full its window is, and the peak', async () => {
    const stage = await new Stage().start()
    const answer = read(stage.manager.infer(ask(false), never()))
    await settle()
    await settle()
    stage.end({ promptTokens: 30, cachedTokens: 0, generatedTokens: 12 })
    await answer
    const { models, memory, cores } = stage.manager.status()
    expect(models[0]).toMatchObject({ loadMs: 40, usedContextTokens: 42, footprintBytes: 90 * MB })
    expect(models[0]?.buffers).toEqual({ weightsBytes: 80 * MB, contextBytes: 10 * MB, workingBytes: 0 })
    expect(memory.peakUsedBytes).toBe(100 * MB)
    expect(cores).toBe(2)
  })
})
