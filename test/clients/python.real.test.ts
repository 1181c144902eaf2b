import { beforeAll, describe, expect, test } from 'vitest'
import { pythonWithClients } from '../../tools/clients/python-environment.ts'
import { isWeather } from '../support/client-questions.ts'
import { pythonChecks, type Raised } from '../support/python-checks.ts'
import { smollm2Daemon } from '../support/smollm2-daemon.ts'

/* Python's `openai`, `anthropic` and `ollama`, unchanged, with the real model. Their programs only ask; here it is judged. */

const found = await pythonWithClients()
const { daemon } = smollm2Daemon()

test.each('missing' in found ? [found.missing] : [])('the Python clients are missing: %s', (missing) => {
  expect(process.env['CI'], `CI has to have them: ${missing}`).not.toBe('true')
})

interface ToolCheck {
  readonly reason: string
  readonly name: string
  readonly answer: string
}

interface SharedChecks {
  readonly models: readonly string[]
  readonly structured: string
  readonly cut: string
  readonly unknown_model: Raised
  readonly bad_value: Raised
  readonly too_long: Raised
  readonly stay: number | null
  readonly leaving: boolean
}

const pythons = 'binary' in found ? [found.binary] : []

/** What holds of every client; `length` is what the limit on tokens is called. */
function shared(checks: () => SharedChecks, length: string): void {
  test('raises an error where there is one, and nowhere else', () => {
    const all = Object.entries(checks()) as [string, Partial<Raised> | null][]
    const raised = all.flatMap(([name, check]) => (check?.raised === undefined ? [] : [{ name, ...check }]))
    expect(
      raised.map(({ name }) => name),
      JSON.stringify(raised),
    ).toEqual(['unknown_model', 'bad_value', 'too_long'])
  })

  test('lists models', () => {
    expect(checks().models).toContain('smollm2')
  })

  test('says that the limit on tokens was reached', () => {
    expect(checks().cut).toBe(length)
  })

  test('keeps to a JSON schema', () => {
    expect(isWeather(checks().structured)).toBe(true)
  })

  test('says how long the model stays', () => {
    expect(checks().stay).toBeNull()
  })

  test('who leaves frees the place', () => {
    expect(checks().leaving).toBe(true)
  })
}

describe.each(pythons)('openai', (python) => {
  let checks: SharedChecks & {
    readonly model: string
    readonly whole: { readonly text: string; readonly reason: string; readonly usage: Record<string, number> }
    readonly second_turn: { readonly prompt: number; readonly cached: number }
    readonly streamed: { readonly pieces: string[]; readonly usage: object }
    readonly stopped: string
    readonly tool: ToolCheck & { readonly arguments: string }
    readonly logprobs: { readonly text: string; readonly tokens: string[] }
    readonly completion: string
    readonly embeddings: number[]
    readonly response: {
      readonly text: string
      readonly prompt: number
      readonly cached: number
      readonly pieces: string[]
      readonly found: boolean
    }
  }
  beforeAll(async () => {
    checks = await pythonChecks(python, 'openai-checks.py', daemon().url)
  })
  shared(() => checks, 'length')

  test('describes a model', () => {
    expect(checks.model).toBe('smollm2')
  })

  test('chats, whole and in pieces', () => {
    expect(checks.whole).toMatchObject({ text: expect.stringContaining('Paris') as unknown, reason: 'stop' })
    expect(checks.whole.usage['completion_tokens']).toBeGreaterThan(2)
    expect(checks.streamed.pieces.length).toBeGreaterThan(2)
    expect(checks.streamed.pieces.join('')).toContain('Paris')
    expect(checks.streamed.usage).toHaveProperty('prompt_tokens_details.cached_tokens')
    expect(checks.stopped).toBe('The capital of France is ')
  })

  test('a second turn uses what the first one left', () => {
    expect(checks.second_turn.cached).toBeGreaterThanOrEqual(checks.second_turn.prompt)
  })

  test('a call that is asked for is made, and its result answered', () => {
    expect(checks.tool).toMatchObject({ reason: 'tool_calls', name: 'get_weather' })
    expect(isWeather(checks.tool.arguments)).toBe(true)
    expect(checks.tool.answer).not.toBe('')
  })

  test('log probabilities, text that is continued, vectors', () => {
    expect(checks.logprobs.tokens.join('')).toBe(checks.logprobs.text)
    expect(checks.completion).toContain('Paris')
    expect(checks.embeddings).toEqual([576, 576])
  })

  test('a response, whole and in pieces, continued, found and deleted', () => {
    const { text, prompt, cached, pieces, found: isFound } = checks.response
    expect(text).toContain('Paris')
    expect(pieces.length).toBeGreaterThan(2)
    expect(pieces.join('')).toBe(text)
    expect(cached).toBeGreaterThanOrEqual(prompt)
    expect(isFound).toBe(true)
  })

  test('errors are those of the client and say what is wrong', () => {
    expect(checks.unknown_model).toMatchObject({ raised: 'NotFoundError', status: 404, code: 'model_not_found' })
    expect(checks.unknown_model.message).toMatch(/smollm3.*smollm2/s)
    expect(checks.bad_value).toMatchObject({ raised: 'BadRequestError', param: 'temperature' })
    expect(checks.too_long).toMatchObject({ raised: 'BadRequestError', code: 'context_length_exceeded' })
  })
})

describe.each(pythons)('anthropic', (python) => {
  let checks: SharedChecks & {
    readonly model: string
    readonly whole: { readonly text: string; readonly reason: string; readonly usage: Record<string, number> }
    readonly streamed: { readonly pieces: string[]; readonly text: string; readonly usage: Record<string, number> }
    readonly second_turn: { readonly prompt: number; readonly cached: number }
    readonly counted: { readonly counted: number; readonly prompt: number }
    readonly stopped: object
    readonly tool: ToolCheck & { readonly input: object }
  }
  beforeAll(async () => {
    checks = await pythonChecks(python, 'anthropic-checks.py', daemon().url)
  })
  shared(() => checks, 'max_tokens')

  test('describes a model', () => {
    expect(checks.model).toBe('smollm2')
  })

  test('answers, whole and in pieces', () => {
    expect(checks.whole).toMatchObject({ text: expect.stringContaining('Paris') as unknown, reason: 'end_turn' })
    expect(checks.whole.usage['output_tokens']).toBeGreaterThan(2)
    expect(checks.streamed.pieces.length).toBeGreaterThan(2)
    expect(checks.streamed.pieces.join('')).toBe(checks.streamed.text)
    expect(checks.streamed.usage['output_tokens']).toBeGreaterThan(2)
    const stopped = { text: 'The capital of France is ', reason: 'stop_sequence', by: 'Paris' }
    expect(checks.stopped).toEqual(stopped)
  })

  test('a second turn uses what the first one left', () => {
    expect(checks.second_turn.cached).toBeGreaterThanOrEqual(checks.second_turn.prompt)
  })

  test('counts tokens as they will be', () => {
    expect(checks.counted.counted).toBe(checks.counted.prompt)
  })

  test('a tool that is asked for is used, and its result answered', () => {
    expect(checks.tool).toMatchObject({ reason: 'tool_use', name: 'get_weather' })
    expect(isWeather(checks.tool.input)).toBe(true)
    expect(checks.tool.answer).not.toBe('')
  })

  test('errors are those of the client and say what is wrong', () => {
    expect(checks.unknown_model).toMatchObject({ raised: 'NotFoundError', status: 404 })
    expect(checks.unknown_model.message).toMatch(/smollm3.*smollm2/s)
    expect(checks.bad_value).toMatchObject({ raised: 'BadRequestError' })
    expect(checks.bad_value.message).toContain('temperature')
    expect(checks.too_long).toMatchObject({ raised: 'BadRequestError', status: 400 })
    expect(checks.too_long.message).toMatch(/prompt is too long.*8192/s)
  })
})

describe.each(pythons)('ollama', (python) => {
  let checks: SharedChecks & {
    readonly show: { readonly family: string; readonly capabilities: string[]; readonly info: object }
    readonly whole: Readonly<Record<'text' | 'reason', string>> & Readonly<Record<'prompt' | 'generated', number>>
    readonly streamed: { readonly pieces: string[]; readonly done: boolean[] }
    readonly generated: { readonly text: string; readonly pieces: string[] }
    readonly stopped: string
    readonly embeddings: number[]
    readonly running: { readonly before: string[]; readonly after: string[] }
  }
  beforeAll(async () => {
    checks = await pythonChecks(python, 'ollama-checks.py', daemon().url)
  })
  shared(() => checks, 'length')

  test('shows a model', () => {
    expect(checks.show).toMatchObject({ family: 'llama', info: { 'llama.context_length': 8_192 } })
    expect(checks.show.capabilities).toContain('completion')
  })

  test('chats, whole and in pieces', () => {
    expect(checks.whole).toMatchObject({ text: expect.stringContaining('Paris') as unknown, reason: 'stop' })
    expect(checks.whole.prompt).toBeGreaterThan(10)
    expect(checks.whole.generated).toBeGreaterThan(2)
    expect(checks.streamed.pieces.length).toBeGreaterThan(2)
    expect(checks.streamed.pieces.join('')).toContain('Paris')
    expect(checks.streamed.done.indexOf(true)).toBe(checks.streamed.done.length - 1)
    expect(checks.stopped).toBe('The capital of France is ')
  })

  test('writes, whole and in pieces, and makes vectors', () => {
    expect(checks.generated.text).toContain('Paris')
    expect(checks.generated.pieces.join('')).toBe(checks.generated.text)
    expect(checks.embeddings).toEqual([576, 576])
  })

  test('sees what runs, and unloads it', () => {
    expect(checks.running).toEqual({ before: ['smollm2'], after: [] })
  })

  test('errors are those of the client and say what is wrong', () => {
    expect(checks.unknown_model).toMatchObject({ raised: 'ResponseError', status: 404 })
    expect(checks.unknown_model.message).toMatch(/smollm3.*smollm2/s)
    expect(checks.bad_value).toMatchObject({ raised: 'ResponseError', status: 400 })
    expect(checks.bad_value.message).toContain('temperature')
    expect(checks.too_long).toMatchObject({ raised: 'ResponseError', status: 400 })
    expect(checks.too_long.message).toContain('8192')
  })
})
