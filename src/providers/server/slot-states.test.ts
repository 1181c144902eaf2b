import { readdir, readFile, writeFile } from 'node:fs/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { endOf, longText, type SlotGround, slotGround, turns } from '../../../test/support/slot-ground.ts'
import type { GenerateRequest, RelayChunk } from '../../spec/chat.ts'
import { never, read } from '../../testing/contract-check.ts'

const SEA = longText('sea', 300)
const HILL = longText('hill', 300)

async function ground(...options: Parameters<typeof slotGround>): Promise<SlotGround> {
  const made = await slotGround(...options)
  onTestFinished(() => made[Symbol.asyncDispose]())
  return made
}

describe('a conversation whose model was unloaded', () => {
  test('goes on from disk, and the server says that it did', async () => {
    const { say, restart, cache, faults, stateFolder } = await ground()
    const first = await say('one', [SEA])
    expect(first.restored).toBeUndefined()
    await restart()
    expect(cache.report()).toMatchObject({ entries: 1, totals: { savedStates: 1 } })
    const again = await say('one', [SEA])
    expect(again.usage.promptTokens).toBe(first.usage.promptTokens)
    expect(again.usage.cachedTokens).toBe(first.usage.promptTokens - 1)
    expect(again.restored).toMatchObject({ tokens: first.usage.promptTokens - 1 })
    expect(cache.report().totals).toMatchObject({ restores: 1, restoredTokens: first.usage.promptTokens - 1 })
    expect(faults).toEqual([])
    expect(await readdir(stateFolder)).toEqual([])
  })

  test('goes on with the next question, and is saved with what came', async () => {
    const { say, restart, cache } = await ground()
    const first = await say('one', [SEA])
    await restart()
    const next = await say('one', [SEA, 'ah', longText('next', 100)])
    expect(next.restored?.tokens).toBeGreaterThan(first.usage.promptTokens - 10)
    await restart()
    const last = await say('one', [SEA, 'ah', longText('next', 100), 'so', 'and?'])
    expect(last.restored?.tokens).toBeGreaterThan(next.usage.promptTokens - 10)
    // The longer one can be cut to the shorter one, which it takes the place of; there may be the branch at the answer.
    expect(cache.report().entries).toBeLessThanOrEqual(2)
  })

  test('is found by its owner only', async () => {
    const { say, restart, ground: under, model, cache } = await ground()
    await say('one', [SEA])
    await restart()
    const other = turns([SEA], 4, 'two', 'another')
    expect(endOf(await read(under.provider.generate(model.id, other, never()))).restored).toBeUndefined()
    expect(cache.report().totals.restores).toBe(0)
  })

  test('passed through as it is, it goes on from disk just as well', async () => {
    const { say, restart, ground: under, model } = await ground()
    const { usage } = await say('one', [SEA])
    await restart()
    const request = turns([SEA], 4, 'one')
    const { messages } = request
    const raw = { dialect: 'openai-chat', isStreamed: true, body: { messages, stream: true, max_tokens: 4 } } as const
    const chunks: RelayChunk[] = []
    for await (const chunk of under.provider.relay(model.id, request, raw, never()) ?? []) chunks.push(chunk)
    expect(chunks.at(-1)).toMatchObject({ type: 'end', restored: { tokens: usage.promptTokens - 1 } })
  })

  test('one that leaves as soon as it is loaded tells of no fault', async () => {
    const { ground: under, model, faults } = await ground()
    for (let turn = 0; turn < 3; turn++) {
      await under.provider.unload(model.id)
      await under.provider.load(model, never())
    }
    expect(faults).toEqual([])
  })

  test('fills its slot before it is asked for', async () => {
    const { say, restart, cache, ground: under, model } = await ground()
    const { usage } = await say('one', [SEA])
    await restart()
    const ids = cache.list().map(({ entryId }) => entryId)
    expect(await under.provider.states?.restore(model.id, ids)).toBeGreaterThanOrEqual(usage.promptTokens)
    const end = await say('one', [SEA])
    expect(end.restored?.tokens).toBe(usage.promptTokens - 1)
    expect(cache.report().totals.restores).toBe(1)
  })
})

describe('what is nobody’s', () => {
  test.each([
    ['a request that is not kept', undefined],
    ['an answer that broke off', 'one'],
  ])('is not saved: %s', async (_, conversationId) => {
    const { ground: under, model, restart, cache } = await ground({ args: ['--fake-token-delay', '20'] })
    const answer = under.provider.generate(model.id, turns([SEA], 100, conversationId), never())
    const chunks = answer[Symbol.asyncIterator]()
    await chunks.next()
    if (conversationId === undefined) while (!(await chunks.next()).done);
    else await chunks.return?.()
    await restart()
    expect(cache.report().entries).toBe(0)
  })
})

describe('one slot and two conversations', () => {
  test('the one that is pushed out is saved first, and comes back', async () => {
    const { say, cache } = await ground({ args: ['--cache-ram', '0', '--fake-prompt-token-delay', '5'] })
    const one = await say('one', [SEA])
    await say('two', [HILL])
    expect(cache.report().totals.savedStates).toBe(1)
    const back = await say('one', [SEA])
    // The first words of the template were there all along.
    expect(back.restored?.tokens).toBeGreaterThan(one.usage.promptTokens - 10)
    expect(back.restored?.savedMs).not.toBeNull()
  })

  test('the same conversation asks the cache for nothing while it is warm', async () => {
    const { say, cache, ground: under } = await ground({ parallel: 2 })
    await say('one', [SEA])
    const asked: unknown[] = []
    const find = cache.find.bind(cache)
    cache.find = (query) => {
      asked.push(query)
      return find(query)
    }
    for (const more of ['a', 'b', 'c']) await say('one', [SEA, more, 'and?'])
    expect(asked).toEqual([])
    await say('two', [HILL])
    expect(asked).toHaveLength(1)
    expect(under.alive.size).toBe(1)
  })

  test('the rhythm: what grew is saved once its slot is quiet, and kill -9 loses no more than the last turn', async () => {
    const { say, cache, ground: under, model } = await ground({ args: ['--fake-prompt-token-delay', '5'] })
    const { usage } = await say('one', [SEA])
    await expect.poll(() => cache.report().totals.savedStates, { timeout: 5_000 }).toBe(1)
    const lost = new Promise<void>((resolve) => under.provider.onEngineLost(() => resolve()))
    await under.crash(model)
    await lost
    await under.provider.load(model, never())
    expect((await say('one', [SEA])).restored?.tokens).toBe(usage.promptTokens - 1)
  })

  test('an agent that leaves no quiet moment does not lose all when its server is killed', async () => {
    const { say, cache, ground: under, model, faults } = await ground({ args: ['--fake-prompt-token-delay', '10'] })
    const { usage } = await say('one', [SEA])
    const messages = [SEA]
    for (const more of ['a', 'b', 'c']) {
      messages.push(more, 'and?')
      await say('one', messages)
    }
    const lost = new Promise<void>((resolve) => under.provider.onEngineLost(() => resolve()))
    await under.crash(model)
    await lost
    await under.provider.load(model, never())
    expect((await say('one', [...messages, 'd', 'and?'])).restored?.tokens).toBeGreaterThan(usage.promptTokens - 10)
    expect(cache.report().totals.savedStates).toBe(1)
    expect(faults).toEqual([])
  })

  test('without budget nothing is written on the way', async () => {
    const { say, cache } = await ground({ args: ['--fake-prompt-token-delay', '5'] }, { writeBudgetBytesPerHour: 0 })
    await say('one', [SEA])
    await say('two', [HILL])
    expect(cache.report().totals.savedStates).toBe(0)
  })
})

describe('a server that does not do as it says', () => {
  test('a restore that does nothing is found out by the next answer, and its file set aside', async () => {
    const { say, restart, cache } = await ground({ args: ['--fake-slot-fault', 'ignored'] })
    await say('one', [SEA])
    await restart()
    const told: string[] = []
    cache.onFault(({ message }) => void told.push(message))
    const end = await say('one', [SEA])
    expect(end.restored).toBeUndefined()
    expect(end.usage.cachedTokens).toBe(0)
    expect(cache.report()).toMatchObject({ entries: 0, totals: { restores: 0, rejected: 1 } })
    expect(told.join()).toContain('llama-server went on from 0 of')
  })

  test('a file that did not reach the disk as a whole is no state: given back, it would end the server', async () => {
    const { say, restart, cache, faults, ground: under } = await ground({ args: ['--fake-slot-fault', 'cut'] })
    await say('one', [SEA])
    await restart()
    expect(cache.report().entries).toBe(0)
    expect(String(faults[0])).toContain('could not write all of its file')
    expect((await say('one', [SEA])).restored).toBeUndefined()
    expect(under.alive.size).toBe(1)
  })

  test('one that refuses each action answers all the same, and what failed is told', async () => {
    const { say, restart, cache, faults } = await ground({ args: ['--fake-slot-fault', 'refused'] })
    await say('one', [SEA])
    await restart()
    expect((await say('one', [SEA])).usage.cachedTokens).toBe(0)
    expect(cache.report().entries).toBe(0)
    expect(String(faults[0])).toContain('Unable to use the slot')
  })
})

describe('files that were changed behind our back', () => {
  test.each([
    ['cut by one byte', (bytes: Buffer) => bytes.subarray(0, -1)],
    ['one bit of its state flipped', (bytes: Buffer) => Buffer.from(bytes.with(bytes.length >> 1, 0x55))],
    ['empty', () => Buffer.alloc(0)],
  ])('%s: it never reaches the server, and the answer is read from its text', async (_, changed) => {
    const { say, restart, cache, ground: under, model } = await ground()
    await say('one', [SEA])
    await restart()
    const [entry] = cache.list()
    if (!entry) throw new Error('an entry is there')
    await writeFile(entry.path, changed(await readFile(entry.path)))
    const end = await say('one', [SEA])
    expect(end.restored).toBeUndefined()
    expect(end.usage.cachedTokens).toBe(0)
    expect(under.provider.log(model.id)?.join()).not.toContain('abort')
    expect(under.alive.size).toBe(1)
  })

  test('another model’s states are never offered', async () => {
    const { say, ground: under, cache } = await ground()
    await say('one', [SEA])
    await under.provider.states?.save('server:a', 'unload')
    const other = { ...under.other, contextTokens: 4_096 }
    await under.provider.load(other, never())
    const request: GenerateRequest = turns([SEA], 4, 'one')
    expect(endOf(await read(under.provider.generate(other.id, request, never()))).restored).toBeUndefined()
    expect(cache.report()).toMatchObject({ entries: 1, totals: { restores: 0, rejected: 0 } })
  })
})
