import { describe, expect, test } from 'vitest'
import { ServedManager } from '../../test/support/served-manager.ts'
import { recordedRequest, StateServer, storedConversation } from '../../test/support/state-server.ts'
import { resourceError } from '../spec/errors.ts'
import { begin } from '../testing/scripted-manager.ts'
import { GrymClient } from './grym-client.ts'

const messages = [{ role: 'user' as const, content: 'hi' }]

describe('GrymClient', () => {
  test('speaks to every endpoint it has a call for', async () => {
    await using served = await ServedManager.start()
    const client = new GrymClient(served.url)
    expect((await client.models()).map(({ id }) => id)).toEqual(['a', 'more/b'])
    expect(await client.status()).toEqual(served.manager.status())
    expect(await client.load('a')).toMatchObject({ state: 'ready' })
    expect(await client.unload('a')).toMatchObject({ state: 'unloaded' })
    await client.pin('a', false)
    expect(served.manager.pins).toEqual([['a', false]])
  })

  test('gives text as it comes, characters whole', async () => {
    await using served = await ServedManager.start()
    void served.manager.answerNext('!', 'Grüße ', '🦊')
    const pieces: string[] = []
    for await (const piece of new GrymClient(served.url).chat({ messages })) pieces.push(piece)
    expect(pieces).toEqual(['Grüße ', '🦊', '!'])
  })

  test('an error keeps its reason, its words and its id', async () => {
    await using served = await ServedManager.start()
    await expect(new GrymClient(served.url).load('unknown')).rejects.toMatchObject({
      reason: 'model-not-found',
      message: "Unknown model 'unknown'.",
      details: { id: expect.stringMatching(/^err_/) },
    })
  })

  test('an answer that breaks throws what the daemon said of it', async () => {
    await using served = await ServedManager.start()
    const pieces = new GrymClient(served.url).chat({ messages })
    const first = pieces.next()
    const asked = await served.manager.next()
    begin(asked)
    asked.answer.push({ type: 'text', text: 'Hel' })
    expect((await first).value).toBe('Hel')
    asked.answer.fail(resourceError('engine-stuck', 'It hung.'))
    await expect(pieces.next()).rejects.toMatchObject({ reason: 'engine-stuck', message: 'It hung.' })
  })

  test('an answer that just ends is no answer', async () => {
    const served = await ServedManager.start()
    const pieces = new GrymClient(served.url).chat({ messages })
    const first = pieces.next()
    const asked = await served.manager.next()
    begin(asked)
    asked.answer.push({ type: 'text', text: 'Hel' })
    await first
    const next = pieces.next()
    await served[Symbol.asyncDispose]()
    await expect(next).rejects.toThrow(/broke off|terminated/)
  })

  test('without a daemon it says how to start one', async () => {
    const served = await ServedManager.start()
    await served[Symbol.asyncDispose]()
    await expect(new GrymClient(served.url).status()).rejects.toMatchObject({
      reason: 'daemon-unreachable',
      message: expect.stringContaining('grym serve'),
    })
  })

  test('asks for decisions and requests in pages', async () => {
    await using served = await StateServer.start()
    const client = new GrymClient(served.url)
    const decision = { eventId: 7, atMs: 1, decision: 'pin', inputs: {} } as const
    served.decisions = [decision]
    served.requests = [recordedRequest({ eventId: 3 }), recordedRequest({ eventId: 5 })]
    expect(await client.history({ model: 'more/b & c', limit: 5 })).toEqual([decision])
    expect(await client.history({ event: 7, limit: 1 })).toEqual([decision])
    expect((await client.historyRequests({ limit: 1 })).map(({ eventId }) => eventId)).toEqual([3])
    expect((await client.historyRequests({ after: 3, limit: 9 })).map(({ eventId }) => eventId)).toEqual([5])
    expect(served.asked).toEqual([
      'GET /grym/v1/history?model=more%2Fb+%26+c&limit=5',
      'GET /grym/v1/history?event=7&limit=1',
      'GET /grym/v1/history/requests?limit=1',
      'GET /grym/v1/history/requests?after=3&limit=9',
    ])
  })

  test('looks at conversations and deletes them', async () => {
    await using served = await StateServer.start()
    const client = new GrymClient(served.url)
    const odd = storedConversation({ id: 'a/b ?', updatedAtMs: 5 })
    served.conversations = [odd, storedConversation({ id: 'c', updatedAtMs: 9 }), storedConversation({ id: 'd' })]
    expect((await client.conversations({ limit: 9, beforeMs: 10 })).map(({ id }) => id)).toEqual(['c', 'a/b ?'])
    expect(await client.conversation('a/b ?')).toEqual(odd)
    await client.deleteConversation('a/b ?')
    await expect(client.conversation('a/b ?')).rejects.toMatchObject({ reason: 'conversation-not-found' })
    await expect(client.deleteConversation('a/b ?')).rejects.toMatchObject({ reason: 'conversation-not-found' })
    expect(await client.deleteConversations()).toBe(2)
    expect(await client.conversations({ limit: 9 })).toEqual([])
  })
})
