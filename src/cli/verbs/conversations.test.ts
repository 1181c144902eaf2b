import { describe, expect, test } from 'vitest'
import { storedConversation } from '../../../test/support/state-server.ts'
import { VerbGround } from '../../../test/support/verb-ground.ts'
import {
  conversationsDeleteVerb,
  conversationsExportVerb,
  conversationsListVerb,
  conversationsShowVerb,
} from './conversations.ts'

const HOSTILE = storedConversation({
  title: 'Hi\u001b[2J\nyou',
  messages: [{ role: 'user', content: '\u009b31mHi', atMs: 1 }],
})

describe('list and show', () => {
  test('a table, last used first, on one line each', async () => {
    await using ground = await VerbGround.start()
    ground.server.conversations = [HOSTILE, storedConversation({ id: 'conv_2', updatedAtMs: 1_700_000_060_000 })]
    await conversationsListVerb(ground.context, { limit: 10 })
    expect(ground.stdout).toBe(
      'ID      LAST USED             MODEL  MESSAGES  SIZE  TITLE\n' +
        'conv_2  2023-11-14 22:14:20Z  tiny   1         5 B   Hello\n' +
        'conv_1  2023-11-14 22:13:20Z  tiny   1         5 B   Hi[2J you\n',
    )
  })

  test('none is said', async () => {
    await using ground = await VerbGround.start()
    await conversationsListVerb(ground.context, { limit: 10 })
    expect(ground.stdout).toBe('no conversation is kept\n')
  })

  test('one to read, and as JSON with every character, none of which a terminal obeys', async () => {
    for (const isJson of [false, true]) {
      await using ground = await VerbGround.start({ isJson })
      ground.server.conversations = [HOSTILE]
      await conversationsShowVerb(ground.context, 'conv_1')
      expect(ground.stdout.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u)
      if (isJson) expect(JSON.parse(ground.stdout)).toEqual(HOSTILE)
      else expect(ground.stdout).toContain('31mHi')
    }
  })

  test('one that is not there is refused', async () => {
    await using ground = await VerbGround.start()
    await expect(conversationsShowVerb(ground.context, 'x')).rejects.toMatchObject({ reason: 'conversation-not-found' })
  })
})

describe('export', () => {
  test('all of them as JSON, however many share a millisecond at the end of a page', async () => {
    await using ground = await VerbGround.start()
    ground.server.conversations = Array.from({ length: 450 }, (_, index) =>
      storedConversation({ id: `c${index}`, updatedAtMs: Math.floor(index / 3) }),
    )
    await conversationsExportVerb(ground.context, undefined, { format: 'json', all: true })
    const { conversations } = JSON.parse(ground.stdout) as { conversations: { id: string; messages: unknown }[] }
    expect(new Set(conversations.map(({ id }) => id)).size).toBe(450)
    expect(conversations[0]?.messages).toBeDefined()
  })

  test('none of them is still JSON, and as Markdown nothing', async () => {
    await using ground = await VerbGround.start()
    await conversationsExportVerb(ground.context, undefined, { format: 'json', all: true })
    expect(JSON.parse(ground.stdout)).toEqual({ conversations: [] })
    ground.stdout = ''
    await conversationsExportVerb(ground.context, undefined, { format: 'markdown', all: true })
    expect(ground.stdout).toBe('')
  })

  test('one of them, in either form', async () => {
    await using ground = await VerbGround.start()
    ground.server.conversations = [HOSTILE]
    await conversationsExportVerb(ground.context, 'conv_1', { format: 'json' })
    expect(JSON.parse(ground.stdout)).toEqual(HOSTILE)
    ground.stdout = ''
    await conversationsExportVerb(ground.context, 'conv_1', { format: 'markdown' })
    expect(ground.stdout).toMatch(/^# Hi\[2J you\n/)
  })

  test.each([
    ['neither', undefined, {}],
    ['both', 'conv_1', { all: true }],
  ])('%s one nor all is wrong use', async (_, id, options) => {
    await using ground = await VerbGround.start()
    const refused = { reason: 'invalid-request' }
    await expect(conversationsExportVerb(ground.context, id, { format: 'json', ...options })).rejects.toMatchObject(
      refused,
    )
    await expect(conversationsDeleteVerb(ground.context, id, options)).rejects.toMatchObject(refused)
    expect(ground.server.asked).toEqual([])
  })

  test('Markdown is no JSON', async () => {
    await using ground = await VerbGround.start({ isJson: true })
    const asked = conversationsExportVerb(ground.context, 'conv_1', { format: 'markdown' })
    await expect(asked).rejects.toMatchObject({ reason: 'invalid-request' })
  })
})

describe('delete', () => {
  test('one goes without a question', async () => {
    await using ground = await VerbGround.start()
    ground.server.conversations = [storedConversation(), storedConversation({ id: 'conv_2' })]
    await conversationsDeleteVerb(ground.context, 'conv_1', {})
    expect(ground.stdout).toBe('1 conversation is deleted\n')
    expect(ground.server.conversations.map(({ id }) => id)).toEqual(['conv_2'])
  })

  test('all go only when somebody said so', async () => {
    await using ground = await VerbGround.start({ isJson: true })
    ground.server.conversations = [storedConversation(), storedConversation({ id: 'conv_2' })]
    const unasked = conversationsDeleteVerb(ground.context, undefined, { all: true })
    await expect(unasked).rejects.toMatchObject({
      reason: 'invalid-request',
      message: expect.stringContaining('--yes'),
    })
    expect(ground.server.conversations).toHaveLength(2)
    await conversationsDeleteVerb(ground.context, undefined, { all: true, yes: true })
    expect(JSON.parse(ground.stdout)).toEqual({ deleted: 2 })
    expect(ground.server.conversations).toEqual([])
  })
})
