import { expect, test } from 'vitest'
import { ServedManager } from '../../../test/support/served-manager.ts'
import { begin, finish } from '../../testing/scripted-manager.ts'

function complete(served: ServedManager, body: object): Promise<Response> {
  return fetch(`${served.url}/v1/completions`, { method: 'POST', body: JSON.stringify(body) })
}

test('a prompt is asked for as it is, with OpenAI’s own bound of tokens, and answered in its form', async () => {
  await using served = await ServedManager.start()
  const asked = served.manager.answerNext('lo', 'Hel')
  const response = await complete(served, { model: 'a', prompt: ['Say '], suffix: '!', temperature: 0, stop: 'x' })
  expect((await asked).request).toEqual({
    model: 'a',
    messages: [],
    completion: { prompt: 'Say ', suffix: '!' },
    sampling: { temperature: 0 },
    maxTokens: 16,
    stop: ['x'],
    isStreamed: false,
  })
  expect(await response.json()).toMatchObject({
    id: expect.stringMatching(/^cmpl-/),
    object: 'text_completion',
    choices: [{ text: 'Hello', index: 0, logprobs: null, finish_reason: 'stop' }],
    usage: { total_tokens: 12 },
  })
})

test('it is no conversation: none is kept', async () => {
  await using served = await ServedManager.start()
  void served.manager.answerNext('x')
  await complete(served, { prompt: 'a' })
  expect(served.manager.asked[0]?.request.conversation).toBeUndefined()
})

test('echo puts the prompt in front, streamed too', async () => {
  await using served = await ServedManager.start()
  void served.manager.answerNext('b')
  expect(await (await complete(served, { prompt: 'a', echo: true })).json()).toMatchObject({
    choices: [{ text: 'ab' }],
  })
  void served.manager.answerNext('c', 'b')
  const events = await (await complete(served, { prompt: 'a', echo: true, stream: true })).text()
  const texts = [...events.matchAll(/"text":"([^"]*)"/g)].map(([, text]) => text)
  expect(texts).toEqual(['a', 'b', 'c', ''])
  expect(events.trimEnd().endsWith('data: [DONE]')).toBe(true)
})

test('log probabilities are the older lists, each token with its place in the text', async () => {
  await using served = await ServedManager.start()
  const asking = complete(served, { prompt: 'a', logprobs: 1, stream: true })
  const asked = await served.manager.next()
  expect(asked.request.topLogprobs).toBe(1)
  begin(asked)
  const weighed = (token: string): object => ({ token, bytes: null, logprob: -1, top: [{ token: 'T', logprob: -2 }] })
  asked.answer.push({ type: 'text', text: 'Hey', logprobs: [weighed('He'), weighed('y')] as never })
  asked.answer.push({ type: 'text', text: '!', logprobs: [weighed('!')] as never })
  finish(asked)
  const events = await (await asking).text()
  const logprobs = [...events.matchAll(/"logprobs":(\{.*?\}\]?,"text_offset":\[[^\]]*\]\})/g)].map(
    ([, json = '']) => JSON.parse(json) as object,
  )
  expect(logprobs).toEqual([
    { tokens: ['He', 'y'], token_logprobs: [-1, -1], top_logprobs: [{ T: -2 }, { T: -2 }], text_offset: [0, 2] },
    { tokens: ['!'], token_logprobs: [-1], top_logprobs: [{ T: -2 }], text_offset: [3] },
  ])
})

test.each([
  ['prompt', {}],
  ['prompt', { prompt: '' }],
  ['prompt', { prompt: ['a', 'b'] }],
  ['prompt', { prompt: [1, 2] }],
  ['n', { prompt: 'a', n: 2 }],
  ['best_of', { prompt: 'a', best_of: 2 }],
  ['logit_bias', { prompt: 'a', logit_bias: { 1: 1 } }],
  ['logprobs', { prompt: 'a', logprobs: 21 }],
  ['max_tokens', { prompt: 'a', max_tokens: 0 }],
])('%s is refused by name: %j', async (field, body) => {
  await using served = await ServedManager.start()
  const response = await complete(served, body)
  expect(response.status).toBe(400)
  expect(await response.json()).toMatchObject({ error: { reason: 'invalid-request', param: field } })
})

test('the log probabilities of the prompt itself are refused with the reason', async () => {
  await using served = await ServedManager.start()
  const response = await complete(served, { prompt: 'a', echo: true, logprobs: 1 })
  expect(await response.json()).toMatchObject({ error: { reason: 'logprobs-unsupported' } })
})
