import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ServedManager } from '../../../test/support/served-manager.ts'
import type { ConversationWish } from '../../spec/admin.ts'

/*
 * What a chat request says of its conversation, and what its answer says.
 */

let served: ServedManager
const KEY = 'sk-secret'
const OWNER = createHash('sha256').update(KEY).digest('hex')

beforeEach(async () => {
  served = await ServedManager.start()
})

afterEach(() => served[Symbol.asyncDispose]())

/** Asks; the answer is kept in this conversation. */
async function ask(
  headers: Readonly<Record<string, string>>,
  body: object,
  conversationId?: string,
): Promise<{ readonly response: Response; readonly wish: ConversationWish | undefined }> {
  const messages = [{ role: 'user', content: 'hi' }]
  const init = { method: 'POST', headers, body: JSON.stringify({ messages, ...body }) }
  const asking = fetch(`${served.url}/v1/chat/completions`, init)
  const { request, answer } = await served.manager.next()
  const receipt = {
    requestId: 'r1',
    modelId: 'a',
    queueWaitMs: 0,
    loadMs: 0,
    ...(conversationId && { conversationId }),
  }
  const usage = { promptTokens: 1, cachedTokens: 0, generatedTokens: 1 }
  answer.push({ type: 'start', receipt })
  answer.push({ type: 'text', text: 'Hello' })
  answer.push({ type: 'end', finishReason: 'stop', usage, receipt })
  answer.end()
  return { response: await asking, wish: request.conversation }
}

describe.each([false, true])('stream %s', (stream) => {
  test.each<[string, Record<string, string>, object, ConversationWish | undefined]>([
    ['nothing is said', {}, {}, { owner: 'local' }],
    ['a key', { authorization: `Bearer ${KEY}` }, {}, { owner: OWNER }],
    ['a header', { 'x-grym-conversation': 'h' }, {}, { owner: 'local', explicitId: 'h' }],
    [
      'a field of metadata',
      {},
      { metadata: { conversation_id: 'm' }, prompt_cache_key: 'p' },
      { owner: 'local', explicitId: 'm' },
    ],
    ['prompt_cache_key', {}, { prompt_cache_key: 'p' }, { owner: 'local', explicitId: 'p' }],
    [
      'a header and fields',
      { 'x-grym-conversation': 'h' },
      { metadata: { conversation_id: 'm' } },
      { owner: 'local', explicitId: 'h' },
    ],
    ['names that are none', {}, { metadata: { conversation_id: 5 }, prompt_cache_key: '' }, { owner: 'local' }],
    ['not to be kept', { 'x-grym-no-store': '1', 'x-grym-conversation': 'h' }, {}, undefined],
  ])('%s', async (_, headers, body, wish) => {
    expect((await ask(headers, { stream, ...body })).wish).toEqual(wish)
  })

  test('the answer says where it is kept, in its header and in its receipt', async () => {
    const { response } = await ask({}, { stream, stream_options: { include_usage: true } }, 'conv_7')
    expect(response.headers.get('x-grym-conversation')).toBe('conv_7')
    expect(await response.text()).toMatch(/"usage":\{[^}]*"prompt_tokens_details":.*"grym":\{.*"conversation":"conv_7"/)
  })

  test('an answer that is not kept says nothing of a conversation', async () => {
    const { response } = await ask({ 'x-grym-no-store': '1' }, { stream, stream_options: { include_usage: true } })
    expect(response.headers.has('x-grym-conversation')).toBe(false)
    expect(await response.text()).not.toContain('conversation')
  })

  test.each([
    [{ 'x-grym-conversation': 'x'.repeat(257) }, {}],
    [{}, { metadata: { conversation_id: 'x'.repeat(257) } }],
    [{}, { prompt_cache_key: 'x'.repeat(257) }],
    [{}, { prompt_cache_key: 5 }],
    [{}, { metadata: 'x' }],
  ])('a name that cannot be one is refused, and nothing is asked: %j', async (headers, body) => {
    const messages = [{ role: 'user', content: 'hi' }]
    const init = { method: 'POST', headers: headers as Record<string, string> }
    const response = await fetch(`${served.url}/v1/chat/completions`, {
      ...init,
      body: JSON.stringify({ messages, stream, ...body }),
    })
    expect([response.status, await response.json()]).toEqual([
      400,
      { error: expect.objectContaining({ reason: 'invalid-request' }) },
    ])
    expect(served.manager.asked).toEqual([])
  })
})
