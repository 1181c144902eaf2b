import { describe, expect, test } from 'vitest'
import { ServedManager } from '../../test/support/served-manager.ts'
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
})
