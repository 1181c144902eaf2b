import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ServedManager } from '../../../test/support/served-manager.ts'
import { eventsOf, HELLO, type ReadEvent, respond, type Said } from '../../../test/support/served-responses.ts'
import type { AnswerPart } from '../../spec/chat.ts'
import { resourceError } from '../../spec/errors.ts'

/*
 * Streams of `POST /v1/responses`: which events come, in which order, and what they say.
 */

let served: ServedManager

beforeEach(async () => {
  served = await ServedManager.start()
})

afterEach(() => served[Symbol.asyncDispose]())

async function streamed(said: Said, body: object = {}): Promise<readonly ReadEvent[]> {
  const { response } = await respond(served, { input: 'hi', stream: true, ...body }, said)
  expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/)
  return eventsOf(await response.text())
}

/** The response that the last event carries. */
function wholeOf(events: readonly ReadEvent[]): {
  readonly id: string
  readonly output: readonly { readonly id: string }[]
} {
  return (events.at(-1) as unknown as { data: { response: ReturnType<typeof wholeOf> } }).data.response
}

const typesOf = (events: readonly ReadEvent[]): readonly string[] => events.map(({ event }) => event)
const begun = ['response.created', 'response.in_progress']
const message = (...deltas: readonly string[]): readonly string[] => [
  'response.output_item.added',
  'response.content_part.added',
  ...deltas.map(() => 'response.output_text.delta'),
  'response.output_text.done',
  'response.content_part.done',
  'response.output_item.done',
]
const reasoning = message('.').map((type) => type.replace('output_text', 'reasoning_text'))
const called = [
  'response.output_item.added',
  'response.function_call_arguments.delta',
  'response.function_call_arguments.done',
  'response.output_item.done',
]
const call: AnswerPart = { type: 'toolCall', call: { id: 'c1', name: 'add', arguments: '{"a":1}' } }

describe('the order of events', () => {
  test.each<[string, readonly AnswerPart[], readonly string[]]>([
    [
      'text',
      [
        { type: 'text', text: 'Hel' },
        { type: 'text', text: 'lo' },
      ],
      message('Hel', 'lo'),
    ],
    ['nothing', [], message()],
    ['empty text', [{ type: 'text', text: '' }], message()],
    ['calls alone', [call, call], [...called, ...called]],
    [
      'reasoning, text and a call',
      [{ type: 'reasoning', text: 'Hm' }, { type: 'text', text: 'So' }, call],
      [...reasoning, ...message('So'), ...called],
    ],
  ])('%s', async (_, parts, types) => {
    const events = await streamed({ parts, finishReason: 'toolCalls' })
    expect(typesOf(events)).toEqual([...begun, ...types, 'response.completed'])
    expect(events.map(({ event, data }) => event === data.type)).not.toContain(false)
    expect(events.map(({ data }) => data['sequence_number'])).toEqual(events.map((_each, index) => index))
  })
})

describe('what the events say', () => {
  test('items have one id and one place from their first event to the whole response', async () => {
    const parts: AnswerPart[] = [{ type: 'reasoning', text: 'Hm' }, { type: 'text', text: 'So' }, call]
    const events = await streamed({ parts })
    const response = wholeOf(events)
    expect(response.output).toMatchObject([
      { type: 'reasoning', status: 'completed', summary: [], content: [{ type: 'reasoning_text', text: 'Hm' }] },
      { type: 'message', status: 'completed', content: [{ type: 'output_text', text: 'So', annotations: [] }] },
      { type: 'function_call', status: 'completed', call_id: 'c1', name: 'add', arguments: '{"a":1}' },
    ])
    for (const { data } of events.slice(2, -1)) {
      const id = data['item_id'] ?? (data['item'] as { id: string }).id
      expect(id).toBe(response.output[Number(data['output_index'])]?.id)
    }
    const done = events.filter(({ event }) => event === 'response.output_item.done')
    expect(done.map(({ data }) => data['item'])).toEqual(response.output)
  })

  test('log probabilities stand with their piece, and in the whole text', async () => {
    const weighed = { token: 'Hi', bytes: [72, 105], logprob: -0.5 }
    const piece = { token: '\uFFFD', bytes: null, logprob: -1 }
    const logprobs = [{ ...weighed, top: [weighed, piece] }]
    const events = await streamed({ parts: [{ type: 'text', text: 'Hi', logprobs }] }, { top_logprobs: 2 })
    const inEvents = [
      {
        token: 'Hi',
        logprob: -0.5,
        top_logprobs: [
          { token: 'Hi', logprob: -0.5 },
          { token: '\uFFFD', logprob: -1 },
        ],
      },
    ]
    expect(events.find(({ event }) => event.endsWith('text.delta'))?.data['logprobs']).toEqual(inEvents)
    expect(events.find(({ event }) => event.endsWith('text.done'))?.data['logprobs']).toEqual(inEvents)
    const whole = [{ ...weighed, top_logprobs: [weighed, { ...piece, bytes: [] }] }]
    expect(events.at(-1)?.data).toMatchObject({ response: { output: [{ content: [{ logprobs: whole }] }] } })
  })

  test('the first response is in progress, the last is whole and kept', async () => {
    const events = await streamed(HELLO)
    expect(events[0]?.data).toMatchObject({
      response: { status: 'in_progress', model: 'a', output: [], usage: null, completed_at: null, store: true },
    })
    const response = wholeOf(events)
    expect(response).toMatchObject({ status: 'completed', usage: { total_tokens: 12, grym: { model: 'a' } } })
    const found = await fetch(`${served.url}/v1/responses/${response.id}`)
    expect(await found.json()).toEqual(response)
  })

  test('an answer at its limit is incomplete, and so is its last item', async () => {
    const events = await streamed({ ...HELLO, finishReason: 'length' })
    expect(events.at(-1)).toMatchObject({
      event: 'response.incomplete',
      data: {
        response: {
          status: 'incomplete',
          incomplete_details: { reason: 'max_output_tokens' },
          output: [{ status: 'incomplete', content: [{ text: 'Hello' }] }],
        },
      },
    })
  })
})

describe('failures', () => {
  const failure = resourceError('engine-lost', 'The engine ended.')

  test('before the first byte it is a proper error', async () => {
    const asking = fetch(`${served.url}/v1/responses`, { method: 'POST', body: '{"input":"hi","stream":true}' })
    const { answer } = await served.manager.next()
    answer.fail(resourceError('context-too-long', 'Too long.'))
    expect((await asking).status).toBe(400)
    expect(await (await asking).json()).toMatchObject({ error: { code: 'context_length_exceeded' } })
  })

  test('in the middle the response failed: what was said of it stands, and it is not kept', async () => {
    const last = (await streamed({ ...HELLO, failure })).at(-1)
    expect(last).toMatchObject({
      event: 'response.failed',
      data: {
        response: {
          ...{ status: 'failed', store: false, usage: null },
          error: {
            ...{ code: 'server_error', message: 'The engine ended.', reason: 'engine-lost' },
            id: expect.stringMatching(/^err_/),
          },
          output: [{ status: 'incomplete', content: [{ text: 'Hello' }] }],
        },
      },
    })
    expect(served.services.responses.kept.size).toBe(0)
  })

  test('after a long silence it is an error event; the silence is kept alive by comments', async () => {
    await using slow = await ServedManager.start(20)
    const response = await fetch(`${slow.url}/v1/responses`, { method: 'POST', body: '{"input":"hi","stream":true}' })
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
    expect((await reader?.read())?.value).toContain(': waiting\n\n')
    slow.manager.asked[0]?.answer.fail(resourceError('queue-timeout', 'Waited too long.'))
    let rest = ''
    for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) rest += part.value
    const told = { message: 'Waited too long.', code: 'queue-timeout', param: null }
    expect(eventsOf(rest.slice(rest.indexOf('event: ')))).toMatchObject([
      {
        event: 'error',
        data: { type: 'error', sequence_number: 0, ...told, error: { ...told, reason: 'queue-timeout' } },
      },
    ])
  })
})
