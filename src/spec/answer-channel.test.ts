import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { AnswerChannel, PendingAnswer } from './answer-channel.ts'

function makeChannel(): { readonly channel: AnswerChannel<string>; readonly onLeave: ReturnType<typeof vi.fn> } {
  const onLeave = vi.fn<() => void>()
  return { channel: new AnswerChannel<string>(onLeave), onLeave }
}

/** `value`, `end` or the message of the error. */
async function outcomeOf(step: Promise<IteratorResult<string, undefined>>): Promise<string> {
  try {
    const { done, value } = await step
    return done ? 'end' : value
  } catch (error) {
    return error instanceof Error ? `error: ${error.message}` : 'not an error'
  }
}

async function drain(answer: AsyncIterable<string>): Promise<string[]> {
  const chunks: string[] = []
  for await (const chunk of answer) chunks.push(chunk)
  return chunks
}

describe('a reader', () => {
  test('gets every chunk in its order, then the end, again and again', async () => {
    const { channel, onLeave } = makeChannel()
    channel.push('a')
    channel.push('b')
    channel.end()
    expect(await outcomeOf(channel.next())).toBe('a')
    expect(await outcomeOf(channel.next())).toBe('b')
    expect(await outcomeOf(channel.next())).toBe('end')
    expect(await outcomeOf(channel.next())).toBe('end')
    expect(onLeave).not.toHaveBeenCalled()
  })

  test('gets chunks that come while it waits', async () => {
    const { channel } = makeChannel()
    const reading = drain(channel)
    channel.push('a')
    await Promise.resolve()
    channel.push('b')
    channel.push('')
    channel.end()
    expect(await reading).toEqual(['a', 'b', ''])
  })

  test('gets what it has not read before the error, the error once, and then the end', async () => {
    const { channel } = makeChannel()
    channel.push('a')
    channel.fail(new Error('lost'))
    expect(await outcomeOf(channel.next())).toBe('a')
    expect(await outcomeOf(channel.next())).toBe('error: lost')
    expect(await outcomeOf(channel.next())).toBe('end')
  })

  test('that waits learns at once of the end and of an error', async () => {
    const ended = makeChannel().channel
    const failed = makeChannel().channel
    const waiting = [outcomeOf(ended.next()), outcomeOf(failed.next())]
    ended.end()
    failed.fail(new Error('lost'))
    expect(await Promise.all(waiting)).toEqual(['end', 'error: lost'])
  })

  test('that asks several times at once gets each chunk once, in the order in which it asked', async () => {
    const { channel } = makeChannel()
    const asked = [channel.next(), channel.next(), channel.next(), channel.next()].map(outcomeOf)
    channel.push('a')
    const late = outcomeOf(channel.next())
    channel.push('b')
    channel.push('c')
    channel.fail(new Error('lost'))
    expect(await Promise.all([...asked, late])).toEqual(['a', 'b', 'c', 'error: lost', 'end'])
  })

  test('gets the same whatever the order in which both sides take their turns', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.boolean(), { maxLength: 60 }), async (turns) => {
        const { channel } = makeChannel()
        const asked: Promise<string>[] = []
        let pushed = 0
        for (const isPush of turns) {
          if (isPush) channel.push(String(pushed++))
          else asked.push(outcomeOf(channel.next()))
          if (asked.length % 3 === 0) await Promise.resolve()
        }
        channel.end()
        const rest = await drain(channel)
        const answered = await Promise.all(asked)
        const numbers = Array.from({ length: pushed }, (_, index) => String(index))
        expect([...answered.filter((text) => text !== 'end'), ...rest]).toEqual(numbers)
        expect(answered).toEqual([
          ...answered.filter((text) => text !== 'end'),
          ...answered.filter((text) => text === 'end'),
        ])
      }),
    )
  })
})

describe('the engine’s side', () => {
  test('knows whether it is over, and may go on without harm', async () => {
    const { channel } = makeChannel()
    expect(channel.isOver).toBe(false)
    channel.push('a')
    channel.end()
    expect(channel.isOver).toBe(true)
    channel.push('too late')
    channel.fail(new Error('too late'))
    channel.end()
    expect(await drain(channel)).toEqual(['a'])
    expect(channel.isOver).toBe(true)
  })

  test('that failed cannot end well after that', async () => {
    const { channel } = makeChannel()
    channel.fail(new Error('lost'))
    channel.end()
    await expect(drain(channel)).rejects.toThrow('lost')
  })
})

describe('a reader that leaves', () => {
  test('while next() is pending is told to the owner at once, and next() ends as cancelled', async () => {
    const { channel, onLeave } = makeChannel()
    const pending = channel.next()
    const leaving = channel.return()
    expect(onLeave).toHaveBeenCalledTimes(1)
    expect(channel.isOver).toBe(true)
    await expect(pending).rejects.toMatchObject({ reason: 'request-cancelled' })
    expect(await outcomeOf(leaving)).toBe('end')
    expect(await outcomeOf(channel.next())).toBe('end')
  })

  test('is told once, however often it leaves', async () => {
    const { channel, onLeave } = makeChannel()
    await channel.return()
    await channel.return()
    expect(onLeave).toHaveBeenCalledTimes(1)
  })

  test('by `break` is told too, and gets nothing more', async () => {
    const { channel, onLeave } = makeChannel()
    channel.push('a')
    channel.push('b')
    const seen: string[] = []
    for await (const chunk of channel) {
      seen.push(chunk)
      break
    }
    expect(seen).toEqual(['a'])
    expect(onLeave).toHaveBeenCalledTimes(1)
    channel.push('c')
    expect(await outcomeOf(channel.next())).not.toMatch(/^[bc]$/)
  })

  test('after the answer was complete has not cancelled anything, and what it did not read is gone', async () => {
    const { channel, onLeave } = makeChannel()
    channel.push('a')
    channel.end()
    await channel.return()
    expect(onLeave).not.toHaveBeenCalled()
    expect(await outcomeOf(channel.next())).toBe('end')
  })

  test('finds that the owner may end the channel while it is told', async () => {
    const channel: AnswerChannel<string> = new AnswerChannel<string>(() => channel.end())
    const pending = outcomeOf(channel.next())
    await channel.return()
    expect(await pending).toContain('error: ')
  })
})

describe('an answer that is about to begin', () => {
  test('is waited for, then read', async () => {
    const { channel } = makeChannel()
    const opening = Promise.withResolvers<AnswerChannel<string>>()
    const reading = drain(new PendingAnswer(opening.promise))
    channel.push('a')
    opening.resolve(channel)
    channel.push('b')
    channel.end()
    expect(await reading).toEqual(['a', 'b'])
  })

  test('that cannot begin fails for its reader', async () => {
    await expect(drain(new PendingAnswer<string>(Promise.reject(new Error('refused'))))).rejects.toThrow('refused')
  })

  test('that cannot begin harms nobody when no reader ever comes', async () => {
    const unhandled = vi.fn<(error: unknown) => void>()
    process.on('unhandledRejection', unhandled)
    const answer = new PendingAnswer<string>(Promise.reject(new Error('refused')))
    await new Promise((resolve) => setImmediate(resolve))
    process.off('unhandledRejection', unhandled)
    expect(unhandled).not.toHaveBeenCalled()
    expect(answer[Symbol.asyncIterator]()).toBe(answer)
  })

  test('whose reader left early is left as soon as it is there', async () => {
    const { channel, onLeave } = makeChannel()
    const opening = Promise.withResolvers<AnswerChannel<string>>()
    const answer = new PendingAnswer(opening.promise)
    const pending = outcomeOf(answer.next())
    const leaving = answer.return()
    expect(onLeave).not.toHaveBeenCalled()
    opening.resolve(channel)
    expect(await outcomeOf(leaving)).toBe('end')
    expect(onLeave).toHaveBeenCalledTimes(1)
    expect(await pending).toBe('error: The reader left before the answer was complete.')
  })
})

describe('room in a channel', () => {
  async function hasRoom(room: Promise<void>): Promise<boolean> {
    let isThere = false
    void room.then(() => (isThere = true))
    await new Promise((resolve) => setImmediate(resolve))
    return isThere
  }

  test('is there with 3 that wait, not with 4, and again when one is taken', async () => {
    const { channel } = makeChannel()
    for (const chunk of ['a', 'b', 'c']) channel.push(chunk)
    expect(await hasRoom(channel.room())).toBe(true)
    channel.push('d')
    const room = channel.room()
    expect(await hasRoom(room)).toBe(false)
    await channel.next()
    expect(await hasRoom(room)).toBe(true)
  })

  test.each<[string, (channel: AnswerChannel<string>) => unknown]>([
    ['its reader leaves', (channel) => channel.return()],
    ['it fails', (channel) => channel.fail(new Error('over'))],
  ])('is waited for no longer when %s', async (_, end) => {
    const { channel } = makeChannel()
    for (const chunk of ['a', 'b', 'c', 'd']) channel.push(chunk)
    const room = channel.room()
    await end(channel)
    expect(await hasRoom(room)).toBe(true)
  })
})
