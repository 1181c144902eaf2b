import { describe, expect, test } from 'vitest'
import { smollm2Daemon } from './support/smollm2-daemon.ts'

/*
 * Forms of an answer with the real model over HTTP: JSON, calls of tools, log probabilities, continued text. What a model
 * of 135 million parameters says is of no matter here; that it keeps to the form is.
 */

const { daemon } = smollm2Daemon()

interface Answer {
  readonly choices: readonly {
    readonly text?: string
    readonly message: {
      readonly content: string | null
      readonly tool_calls?: readonly { readonly id: string; readonly function: { name: string; arguments: string } }[]
    }
    readonly logprobs: {
      readonly content: readonly { token: string; logprob: number; top_logprobs: object[] }[]
    } | null
    readonly finish_reason: string
  }[]
  readonly usage: { readonly prompt_tokens: number; readonly completion_tokens: number }
}

async function chat(content: string, changes: object): Promise<Answer['choices'][number]> {
  const response = await daemon().ask('smollm2', content, { max_tokens: 200, ...changes })
  const body = (await response.json()) as Answer
  expect(body, JSON.stringify(body)).toHaveProperty('choices')
  const [choice] = body.choices
  if (!choice) throw new Error('an answer without a choice')
  return choice
}

async function reasonOf(path: string, body: object): Promise<unknown> {
  const response = await daemon().post(path, body)
  expect(response.status).toBe(400)
  return ((await response.json()) as { error: { reason: string } }).error.reason
}

const person = {
  type: 'object',
  properties: {
    name: { type: 'string', maxLength: 20 },
    age: { type: 'integer', minimum: 0, maximum: 150 },
    nickname: { anyOf: [{ type: 'string', maxLength: 10 }, { type: 'null' }] },
    kind: { enum: ['child', 'adult'] },
  },
  required: ['name', 'age', 'nickname', 'kind'],
  additionalProperties: false,
}

describe('JSON', () => {
  test.each([0, 1])('keeps to a schema at temperature %d', async (temperature) => {
    const response_format = { type: 'json_schema', json_schema: { name: 'person', strict: true, schema: person } }
    const { message, finish_reason } = await chat('Anna is 7 years old. Describe her.', {
      response_format,
      temperature,
      seed: 3,
    })
    expect(finish_reason).toBe('stop')
    const said = JSON.parse(message.content ?? '') as Record<string, unknown>
    expect(Object.keys(said)).toEqual(['name', 'age', 'nickname', 'kind'])
    expect(Number.isInteger(said['age']) && Number(said['age']) >= 0 && Number(said['age']) <= 150).toBe(true)
    expect(['child', 'adult']).toContain(said['kind'])
  })

  test('of any kind is an object', async () => {
    const changes = { response_format: { type: 'json_object' }, max_tokens: 400 }
    const { message, finish_reason } = await chat('Give me JSON with the key "capital" for France.', changes)
    expect(finish_reason).toBe('stop')
    expect(JSON.parse(message.content ?? '')).toBeTypeOf('object')
  })

  test('cut by max_tokens says so, and is the beginning of an object', async () => {
    const { message, finish_reason } = await chat('Give me JSON.', {
      response_format: { type: 'json_object' },
      max_tokens: 2,
    })
    expect(finish_reason).toBe('length')
    expect(message.content?.trimStart()).toMatch(/^\{/)
  })
})

describe('tools', () => {
  const parameters = {
    type: 'object',
    properties: { city: { type: 'string', maxLength: 20 }, unit: { enum: ['C', 'F'] } },
    required: ['city', 'unit'],
    additionalProperties: false,
  }
  const tools = [
    { type: 'function', function: { name: 'get_weather', description: 'The weather of a city.', parameters } },
  ]

  test('a call that is asked for is made, and its result can be answered', async () => {
    const question = 'What is the weather in Paris?'
    const { message, finish_reason } = await chat(question, { tools, tool_choice: 'required' })
    expect(finish_reason).toBe('tool_calls')
    const [call] = message.tool_calls ?? []
    expect(call?.function.name).toBe('get_weather')
    expect(JSON.parse(call?.function.arguments ?? '')).toEqual({
      city: expect.any(String) as unknown,
      unit: expect.stringMatching(/^[CF]$/) as unknown,
    })
    const messages = [
      { role: 'user', content: question },
      { role: 'assistant', ...message },
      { role: 'tool', tool_call_id: call?.id, content: '{"weather": "sunny", "degrees": 21}' },
    ]
    const response = await daemon().post('/v1/chat/completions', {
      messages,
      tools,
      tool_choice: 'none',
      max_tokens: 20,
      temperature: 0,
    })
    const { choices } = (await response.json()) as Answer
    expect(choices[0]?.message.content).toBeTruthy()
    expect(choices[0]?.message.tool_calls).toBeUndefined()
  })

  test('streamed, a call is one piece, and the stream ends as such', async () => {
    const response = await daemon().ask('smollm2', 'Weather in Rome?', {
      tools,
      tool_choice: { type: 'function', function: { name: 'get_weather' } },
      max_tokens: 100,
      stream: true,
    })
    const text = await response.text()
    expect(text).toContain('"tool_calls":[{"index":0,"id":"')
    expect(text).toContain('"finish_reason":"tool_calls"')
  })

  test('whether to call one cannot be left to a template without tools', async () => {
    const messages = [{ role: 'user', content: 'Weather?' }]
    expect(await reasonOf('/v1/chat/completions', { messages, tools })).toBe('tools-unsupported')
  })
})

describe('log probabilities', () => {
  test('are of the tokens of the text, and the same whatever the sampling', async () => {
    const greedy = await chat('What is the capital of France?', { logprobs: true, top_logprobs: 3, max_tokens: 6 })
    const tokens = greedy.logprobs?.content ?? []
    expect(tokens.map(({ token }) => token).join('')).toBe(greedy.message.content)
    expect(tokens.every(({ logprob, top_logprobs: top }) => logprob <= 0 && top.length === 3)).toBe(true)
    const hot = { logprobs: true, top_logprobs: 3, max_tokens: 6, temperature: 2, top_k: 1 }
    const sampled = await chat('What is the capital of France?', hot)
    expect(sampled.logprobs?.content[0]?.top_logprobs).toEqual(tokens[0]?.top_logprobs)
  })
})

describe('text that is continued', () => {
  test('comes without template', async () => {
    const body = { prompt: 'The capital of France is', max_tokens: 3, temperature: 0 }
    const { choices, usage } = (await (await daemon().post('/v1/completions', body)).json()) as Answer
    expect(choices[0]?.text).toContain('Paris')
    expect(usage.prompt_tokens).toBeLessThan(8)
  })

  test('a gap is not filled by a model that was not trained for it', async () => {
    expect(await reasonOf('/v1/completions', { prompt: 'a', suffix: 'b' })).toBe('suffix-unsupported')
  })
})

test('an image is refused by name', async () => {
  const content = [{ type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } }]
  expect(await reasonOf('/v1/chat/completions', { messages: [{ role: 'user', content }] })).toBe('images-unsupported')
})
