import assert from 'node:assert/strict'
import type { GenerateChunk, ToolCall, ToolDefinition } from '../spec/chat.ts'
import { toErrorData } from '../spec/errors.ts'
import { ask, type ContractCheck, never, read, rejects, text } from './contract-check.ts'

/** The part of the provider contract on what an answer may be made of: JSON, calls of tools, log probabilities, continued text. */
export const ANSWER_FORMS: readonly ContractCheck[] = [
  {
    promise: 'an answer with a schema is JSON that keeps to it, whatever the sampling',
    mayShare: true,
    needs: ['schema'],
    async run({ provider, model }) {
      await provider.load(model, never())
      for (const seed of [1, 2, 3]) {
        const format = { type: 'schema', schema: SCHEMA } as const
        const request = { ...ask('describe it', 200), format, sampling: { temperature: 1, seed } }
        const chunks = await read(provider.generate(model.id, request, never()))
        const end = chunks.at(-1)
        assert.ok(end?.type === 'end' && end.finishReason === 'stop')
        assertKept(JSON.parse(text(chunks)))
      }
    },
  },
  {
    promise: 'a schema that cannot be guaranteed is refused by name, and the next request works',
    mayShare: true,
    needs: ['schema'],
    async run({ provider, model }) {
      await provider.load(model, never())
      const format = { type: 'schema', schema: { $ref: 'https://example.com/schema' } } as const
      await rejects('schema-unsupported', read(provider.generate(model.id, { ...ask('x', 4), format }, never())))
      await read(provider.generate(model.id, ask('after', 4), never()))
    },
  },
  {
    promise: 'a tool that has to be called is called, with arguments that keep to its schema',
    mayShare: true,
    needs: ['tools'],
    async run({ provider, model }) {
      await provider.load(model, never())
      for (const [toolChoice, names] of [
        ['required', ['measure', 'stop']],
        [{ name: 'measure' }, ['measure']],
      ] as const) {
        const request = { ...ask('measure it', 200), tools: TOOLS, toolChoice, sampling: { temperature: 1, seed: 4 } }
        const chunks = await read(provider.generate(model.id, request, never()))
        const end = chunks.at(-1)
        assert.ok(end?.type === 'end' && end.finishReason === 'toolCalls')
        const [call, ...more] = calls(chunks)
        assert.ok(call && call.id !== '' && more.length === 0 && (names as readonly string[]).includes(call.name))
        if (call.name === 'measure') assertKept(JSON.parse(call.arguments))
        else assert.deepEqual(JSON.parse(call.arguments), {})
        assert.equal(text(chunks), '', 'a call is no text')
      }
    },
  },
  {
    promise: 'a call and its result are taken as history, and tools that may not be called change nothing',
    mayShare: true,
    needs: ['tools'],
    async run({ provider, model }) {
      await provider.load(model, never())
      const call = { id: 'call00001', name: 'measure', arguments: '{"unit":"m","count":3,"isExact":true}' }
      const messages = [
        ...ask('measure it', 1).messages,
        { role: 'assistant' as const, content: '', toolCalls: [call] },
        { role: 'tool' as const, content: '3 m', toolCallId: call.id },
      ]
      const request = { ...ask('', 8), messages, tools: TOOLS, toolChoice: 'none' } as const
      const end = (await read(provider.generate(model.id, request, never()))).at(-1)
      assert.ok(end?.type === 'end' && end.finishReason !== 'toolCalls')
      const alone = (await read(provider.generate(model.id, ask('measure it', 1), never()))).at(-1)
      assert.ok(alone?.type === 'end' && end.usage.promptTokens > alone.usage.promptTokens)
    },
  },
  {
    promise: 'tools are counted as they are served',
    mayShare: true,
    needs: ['tools', 'counting'],
    async run({ provider, model }) {
      await provider.load(model, never())
      const { messages } = ask('measure it', 1)
      const options = { tools: TOOLS, toolChoice: 'required' } as const
      const counted = await provider.countTokens(model, messages, never(), options)
      const end = (await read(provider.generate(model.id, { ...ask('measure it', 1), ...options }, never()))).at(-1)
      assert.ok(end?.type === 'end')
      assert.equal(counted, end.usage.promptTokens)
      assert.ok(counted > (await provider.countTokens(model, messages, never())))
    },
  },
  {
    promise: 'log probabilities are those of the tokens that the text is made of, most likely first',
    mayShare: true,
    needs: ['logprobs'],
    async run({ provider, model }) {
      await provider.load(model, never())
      const chunks = await read(provider.generate(model.id, { ...ask('how likely?', 8), topLogprobs: 3 }, never()))
      const tokens = chunks.flatMap((chunk) => (chunk.type === 'text' ? (chunk.logprobs ?? []) : []))
      const end = chunks.at(-1)
      assert.ok(end?.type === 'end' && tokens.length === end.usage.generatedTokens)
      for (const { token, logprob, top } of tokens) {
        assert.equal(top.length, 3)
        assert.deepEqual(
          [...top].sort((a, b) => b.logprob - a.logprob),
          top,
        )
        assert.ok(top.reduce((sum, each) => sum + Math.exp(each.logprob), 0) <= 1 + 1e-5)
        // Greedy: the token is the most likely one.
        assert.deepEqual([token, logprob], [top[0]?.token, top[0]?.logprob])
      }
      const without = await read(provider.generate(model.id, ask('how likely?', 8), never()))
      assert.equal(text(without), text(chunks), 'asking for them changes no greedy answer')
    },
  },
  {
    promise: 'log probabilities of an answer that is held to a form are told, or refused with the reason',
    mayShare: true,
    needs: ['logprobs', 'schema'],
    async run({ provider, model }) {
      await provider.load(model, never())
      const request = { ...ask('x', 4), topLogprobs: 0, format: { type: 'json' } } as const
      const chunks = await read(provider.generate(model.id, request, never())).catch((error: unknown) => {
        assert.equal(toErrorData(error).reason, 'logprobs-unsupported')
      })
      if (!chunks) return
      const tokens = chunks.flatMap((chunk) => (chunk.type === 'text' ? (chunk.logprobs ?? []) : []))
      const end = chunks.at(-1)
      assert.ok(end?.type === 'end' && tokens.length === end.usage.generatedTokens)
    },
  },
  {
    promise: 'text is continued as it is, without a template',
    mayShare: true,
    needs: ['completions'],
    async run({ provider, model }) {
      await provider.load(model, never())
      const request = { ...ask('', 4), messages: [], completion: { prompt: 'Once' } }
      const end = (await read(provider.generate(model.id, request, never()))).at(-1)
      const chat = (await read(provider.generate(model.id, ask('Once', 1), never()))).at(-1)
      assert.ok(end?.type === 'end' && chat?.type === 'end')
      assert.ok(end.usage.promptTokens > 0 && end.usage.promptTokens < chat.usage.promptTokens)
    },
  },
]

/** Small enough for a model that only babbles to come to its end. */
const SCHEMA = {
  type: 'object',
  properties: {
    unit: { enum: ['m', 'kg', 's'] },
    count: { type: 'integer', minimum: 0, maximum: 99 },
    isExact: { type: 'boolean' },
  },
  required: ['unit', 'count', 'isExact'],
  additionalProperties: false,
}
const TOOLS: readonly ToolDefinition[] = [
  { name: 'measure', description: 'Measures something.', parameters: SCHEMA },
  { name: 'stop' },
]

function assertKept(value: unknown): void {
  const { unit, count, isExact, ...more } = value as Record<string, unknown>
  assert.ok(unit === 'm' || unit === 'kg' || unit === 's')
  assert.ok(typeof count === 'number' && Number.isInteger(count) && count >= 0 && count <= 99)
  assert.equal(typeof isExact, 'boolean')
  assert.deepEqual(more, {})
}

function calls(chunks: readonly GenerateChunk[]): ToolCall[] {
  return chunks.flatMap((chunk) => (chunk.type === 'toolCall' ? [chunk.call] : []))
}
