import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { ServedManager } from '../../../test/support/served-manager.ts'
import { HELLO, respond, type Said } from '../../../test/support/served-responses.ts'
import type { InferRequest } from '../../spec/admin.ts'
import { resourceError } from '../../spec/errors.ts'

/*
 * `POST /v1/responses` as one answer, and what is kept of it. Streams: response-stream.test.ts.
 */

let served: ServedManager
type Headers = Readonly<Record<string, string>>
type Whole = Readonly<Record<string, unknown>> & { readonly id: string; readonly output: readonly { id: string }[] }

beforeEach(async () => {
  served = await ServedManager.start()
})

afterEach(() => served[Symbol.asyncDispose]())

async function whole(
  body: object,
  said: Said = HELLO,
  headers: Headers = {},
): Promise<{ readonly response: Whole; readonly request: InferRequest }> {
  const { response, request } = await respond(served, body, said, headers)
  expect(response.status).toBe(200)
  return { response: (await response.json()) as Whole, request }
}

/** Status and error of a request that reaches no model; a body makes it a POST. */
async function refused(
  path: string,
  { body, headers = {}, method }: { readonly body?: object; readonly headers?: Headers; readonly method?: string },
): Promise<unknown> {
  const before = served.manager.asked.length
  const init = { method: method ?? (body ? 'POST' : 'GET'), headers, ...(body && { body: JSON.stringify(body) }) }
  const response = await fetch(`${served.url}/v1/responses${path}`, init)
  expect(served.manager.asked).toHaveLength(before)
  const { error } = (await response.json()) as { error: object }
  return { status: response.status, ...error }
}

const missing = { status: 404, reason: 'response-not-found' }

test('a response is complete: what it repeats, what it says, what it took', async () => {
  const tool = { type: 'function', name: 'add', parameters: { type: 'object' } }
  const asked = {
    model: 'a',
    input: 'hi',
    instructions: 'be brief',
    max_output_tokens: 9,
    temperature: 0.5,
    tools: [tool],
  }
  const { response } = await whole({ ...asked, metadata: { a: 'b' }, truncation: 'auto' })
  expect(response).toEqual({
    ...{ id: expect.stringMatching(/^resp_[0-9a-f]{32}$/), object: 'response', status: 'completed', model: 'a' },
    ...{ created_at: expect.any(Number), completed_at: expect.any(Number), background: false, error: null },
    access_programs: null,
    incomplete_details: null,
    output: [
      {
        ...{
          id: expect.stringMatching(/^msg_[0-9a-f]{32}_0$/),
          type: 'message',
          role: 'assistant',
          status: 'completed',
        },
        content: [{ type: 'output_text', text: 'Hello', annotations: [], logprobs: [] }],
      },
    ],
    ...{ instructions: 'be brief', max_output_tokens: 9, max_tool_calls: null, metadata: { a: 'b' } },
    ...{ parallel_tool_calls: true, previous_response_id: null, prompt_cache_key: null },
    ...{ reasoning: { effort: null, summary: null }, safety_identifier: null, service_tier: 'default', store: true },
    ...{ temperature: 0.5, text: { format: { type: 'text' } }, tool_choice: 'auto', top_logprobs: 0, top_p: null },
    tools: [{ ...tool, description: null, strict: false }],
    truncation: 'disabled',
    usage: {
      ...{ input_tokens: 10, input_tokens_details: { cached_tokens: 6, cache_write_tokens: 0 }, total_tokens: 12 },
      ...{ output_tokens: 2, output_tokens_details: { reasoning_tokens: 1 } },
      grym: { model: 'a', queue_wait_ms: 3, load_ms: 4, cached_tokens: 6, conversation: 'conv_1' },
    },
  })
})

describe('what is asked of the model', () => {
  test('instructions first, then the input; its wish, and no stream', async () => {
    const { request } = await whole({ input: 'hi', instructions: 'be brief', keep_alive: 0 })
    expect(request).toMatchObject({
      messages: [
        { role: 'system', content: 'be brief' },
        { role: 'user', content: 'hi' },
      ],
      isStreamed: false,
      wish: { keepAliveMs: 0 },
      conversation: { owner: 'local' },
    })
  })

  test('what was said before comes before, without the instructions of that time', async () => {
    const first = await whole({ input: 'one', instructions: 'old' })
    const second = await whole({ input: [{ role: 'user', content: 'two' }], previous_response_id: first.response.id })
    const third = await whole({ input: 'three', instructions: 'new', previous_response_id: second.response.id })
    expect(third.request.messages.map(({ role, content }) => `${role}: ${content}`)).toEqual([
      ...['system: new', 'user: one', 'assistant: Hello', 'user: two', 'assistant: Hello', 'user: three'],
    ])
    expect(third.response['previous_response_id']).toBe(second.response.id)
  })

  test('a call and its output go on from the response that called', async () => {
    const call = { id: 'c1', name: 'add', arguments: '{"a":1}' }
    const said: Said = {
      parts: [
        { type: 'reasoning', text: 'Hm' },
        { type: 'toolCall', call },
      ],
    }
    const { response } = await whole({ input: 'add' }, said)
    const output = { type: 'function_call_output', call_id: 'c1', output: '3' }
    const { request } = await whole({ input: [output], previous_response_id: response.id })
    expect(request.messages).toEqual([
      { role: 'user', content: 'add' },
      { role: 'assistant', content: '', toolCalls: [call] },
      { role: 'tool', content: '3', toolCallId: 'c1' },
    ])
  })

  test('an item that is only named stands for itself, and is kept as what it is', async () => {
    const { response } = await whole({ input: 'one' })
    const [message] = response.output
    const reference = { type: 'item_reference', id: message?.id }
    const { request, response: next } = await whole({
      input: [{ id: message?.id?.replace(/_0$/, '_i0') }, reference],
    })
    expect(request.messages.map(({ content }) => content)).toEqual(['one', 'Hello'])
    const kept = served.services.responses.kept.get(next.id)
    expect(kept?.input).toMatchObject([{ type: 'message' }, { type: 'message' }])
  })

  test('an item is named once, so that few names cannot stand for endless text', async () => {
    const { response } = await whole({ input: 'one' })
    const id = response.output[0]?.id
    const body = { input: [{ type: 'item_reference', id }, { id }] }
    expect(await refused('', { body })).toMatchObject({ reason: 'invalid-request', param: 'input' })
  })

  test('a response is read once, however many of its items are named', async () => {
    const input = Array.from({ length: 5 }, () => ({ role: 'user', content: 'x' }))
    const { response } = await whole({ input })
    const digits = response.id.replace('resp_', '')
    const find = vi.spyOn(served.services.responses, 'find')
    const { request } = await whole({ input: input.map((_item, index) => ({ id: `msg_${digits}_i${index}` })) })
    expect(request.messages).toHaveLength(5)
    expect(find).toHaveBeenCalledOnce()
  })

  test.each([
    [9_996, 200],
    [9_997, 200],
    [9_998, 400],
  ])('of %i items before an answer and two more, 10,000 are allowed: %i', async (before, status) => {
    const input = Array.from({ length: before }, () => ({ role: 'user', content: 'x' }))
    const { response } = await whole({ input })
    const body = { input: input.slice(0, 2), previous_response_id: response.id }
    if (status === 200) await whole(body)
    else expect(await refused('', { body })).toMatchObject({ status, param: 'input' })
  })

  test.each(['msg_1', `msg_${'0'.repeat(32)}_0`])('an item that is not here is refused: %s', async (id) => {
    const body = { input: [{ type: 'item_reference', id }] }
    expect(await refused('', { body })).toMatchObject({ ...missing, param: 'input' })
  })
})

describe('kept', () => {
  const key: Headers = { authorization: 'Bearer sk-one' }
  const owner = createHash('sha256').update('sk-one').digest('hex')

  test('under its owner and its conversation, with what was sent', async () => {
    const { response } = await whole({ input: 'hi' }, HELLO, key)
    expect([...served.services.responses.kept.values()]).toMatchObject([
      { id: response.id, owner, conversationId: 'conv_1', previousId: null, response, input: [{ content: 'hi' }] },
    ])
  })

  test('it is given back, continued and deleted by its owner; to another key it is not there', async () => {
    const { response } = await whole({ input: 'hi' }, HELLO, key)
    const path = `/${response.id}`
    for (const headers of [{}, { 'x-api-key': 'sk-two' }]) {
      expect(await refused(path, { headers })).toMatchObject(missing)
      expect(await refused(`${path}/input_items`, { headers })).toMatchObject(missing)
      expect(await refused(path, { headers, method: 'DELETE' })).toMatchObject(missing)
      const body = { input: 'x', previous_response_id: response.id }
      expect(await refused('', { body, headers })).toMatchObject({ ...missing, param: 'previous_response_id' })
      const reference = { input: [{ type: 'item_reference', id: response.output[0]?.id }] }
      expect(await refused('', { body: reference, headers })).toMatchObject(missing)
    }
    const url = `${served.url}/v1/responses${path}`
    expect(await (await fetch(url, { headers: key })).json()).toEqual(response)
    // As OpenAI's client for Python sends it: with the type of a body, and without one.
    const deleted = await fetch(url, { method: 'DELETE', headers: { ...key, 'content-type': 'application/json' } })
    expect(await deleted.json()).toEqual({ id: response.id, object: 'response', deleted: true })
    expect(await refused(path, { headers: key })).toMatchObject(missing)
    expect(await refused(path, { headers: key, method: 'DELETE' })).toMatchObject(missing)
  })

  test.each<[string, object, Headers, Said]>([
    ['store: false', { store: false }, {}, { ...HELLO, conversationId: null }],
    ['a header against it', {}, { 'x-grym-no-store': '1' }, { ...HELLO, conversationId: null }],
    ['a conversation that could not be kept', {}, {}, { ...HELLO, conversationId: null }],
  ])('not with %s, and the response says so', async (_, body, headers, said) => {
    for (const stream of [false, true]) {
      const { response } = await respond(served, { input: 'hi', stream, ...body }, said, headers)
      expect(await response.text()).toMatch(/.*"store":false/s)
    }
    expect(served.services.responses.kept.size).toBe(0)
  })

  test('store: false keeps nothing of its conversation either', async () => {
    const { request } = await whole({ input: 'hi', store: false, metadata: { conversation_id: 'm' } })
    expect(request.conversation).toBeUndefined()
    const named = await whole({ input: 'hi', metadata: { conversation_id: 'm' } })
    expect(named.request.conversation).toEqual({ owner: 'local', explicitId: 'm' })
  })

  test('where nothing is kept, a response that is missing is explained by that', async () => {
    const body = { input: 'x', previous_response_id: 'resp_1' }
    const message = expect.stringContaining('nothing is kept')
    expect(await refused('', { body, headers: { 'x-grym-no-store': '1' } })).toMatchObject({ ...missing, message })
    expect(await refused('', { body })).toMatchObject({ ...missing, message: expect.stringContaining('store: false') })
  })

  test('half a conversation is not continued', async () => {
    const first = await whole({ input: 'one' })
    const second = await whole({ input: 'two', previous_response_id: first.response.id })
    served.services.responses.kept.delete(first.response.id)
    const body = { input: 'x', previous_response_id: second.response.id }
    served.services.responses.chain = (_owner, id) => {
      const kept = served.services.responses.kept.get(id)
      return kept ? [kept] : []
    }
    const message = expect.stringContaining(first.response.id)
    expect(await refused('', { body })).toMatchObject({ ...missing, message })
  })

  test('a full disk costs the keeping, not the answer', async () => {
    served.services.responses.fault = resourceError('disk-full', 'Full.')
    const { response } = await whole({ input: 'hi' })
    expect(response).toMatchObject({ status: 'completed', store: false })
  })

  test('it is not streamed again', async () => {
    const { response } = await whole({ input: 'hi' })
    expect(await refused(`/${response.id}?stream=true`, {})).toMatchObject({ status: 400, param: 'stream' })
  })
})

describe('the items of a request', () => {
  interface Page {
    readonly data: readonly { readonly id: string; readonly content: string }[]
    readonly has_more: boolean
    readonly first_id: string | null
    readonly last_id: string | null
  }

  async function page(id: string, query: string): Promise<Page> {
    return (await (await fetch(`${served.url}/v1/responses/${id}/input_items${query}`)).json()) as Page
  }

  test('are listed newest first, each with an id, page by page', async () => {
    const input = ['a', 'b', 'c'].map((content) => ({ role: 'user', content }))
    const { response } = await whole({ input: [...input, { id: 'mine', role: 'user', content: 'd' }] })
    const all = await page(response.id, '')
    expect(all.data.map(({ content }) => content)).toEqual(['d', 'c', 'b', 'a'])
    expect(all).toMatchObject({ has_more: false, first_id: 'mine', last_id: all.data[3]?.id })
    const first = await page(response.id, '?limit=3&order=asc')
    expect([first.data.map(({ content }) => content), first.has_more]).toEqual([['a', 'b', 'c'], true])
    const second = await page(response.id, `?limit=3&order=asc&after=${first.last_id}`)
    expect([second.data.map(({ content }) => content), second.has_more]).toEqual([['d'], false])
  })

  test.each(['limit=0', 'limit=101', 'limit=x', 'order=up', 'after=msg_of_another'])('%s is refused', async (query) => {
    const { response } = await whole({ input: 'hi' })
    expect(await refused(`/${response.id}/input_items?${query}`, {})).toMatchObject({ reason: 'invalid-request' })
  })

  test('100 of them are one page', async () => {
    const { response } = await whole({ input: Array.from({ length: 101 }, () => ({ role: 'user', content: 'x' })) })
    expect(await page(response.id, '?limit=100')).toMatchObject({ has_more: true, data: { length: 100 } })
  })
})
