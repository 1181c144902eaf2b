import { getLlama, LlamaLogLevel } from 'node-llama-cpp'
import { describe, expect, test } from 'vitest'
import { ChatTemplate } from '../src/providers/embedded/worker/chat-template.ts'
import type { ChatMessage } from '../src/spec/chat.ts'
import { smollm2 } from './support/smollm2.ts'
import { smollm2Daemon } from './support/smollm2-daemon.ts'

/*
 * The main job with the real model: a question in, the right answer out.
 */

const { daemon } = smollm2Daemon()

const paris = {
  messages: [
    { role: 'system', content: 'You are a helpful assistant.' },
    { role: 'user', content: 'What is the capital of France?' },
  ],
  temperature: 0,
}

describe('the capital of France', () => {
  test('is Paris, without naming a model', async () => {
    const response = await daemon().post('/v1/chat/completions', paris)
    const answer = (await response.json()) as {
      object: string
      model: string
      choices: { message: { role: string; content: string }; finish_reason: string }[]
      usage: { prompt_tokens: number; completion_tokens: number; total_tokens: number }
    }
    expect(response.status).toBe(200)
    expect(answer).toMatchObject({ object: 'chat.completion', model: 'smollm2' })
    expect(answer.choices[0]?.message.content).toContain('Paris')
    expect(answer.choices[0]?.finish_reason).toBe('stop')
    expect(answer.usage.total_tokens).toBe(answer.usage.prompt_tokens + answer.usage.completion_tokens)
    expect(response.headers.get('x-grym-model')).toBe('smollm2')
  })

  test('is the same in a stream, piece by piece', async () => {
    const pieces: string[] = []
    for await (const piece of daemon().client.chat(paris)) pieces.push(piece)
    const whole = await daemon().post('/v1/chat/completions', paris)
    const { choices } = (await whole.json()) as { choices: { message: { content: string } }[] }
    expect(pieces.length).toBeGreaterThan(1)
    expect(pieces.join('')).toBe(choices[0]?.message.content)
  })

  test('asked again, the prompt is reused but for its last token', async () => {
    await daemon().post('/v1/chat/completions', paris)
    const response = await daemon().post('/v1/chat/completions', paris)
    const { usage } = (await response.json()) as {
      usage: { prompt_tokens: number; prompt_tokens_details: { cached_tokens: number } }
    }
    expect(usage.prompt_tokens_details.cached_tokens).toBe(usage.prompt_tokens - 1)
  })
})

describe("the model's own template, byte for byte", () => {
  const user: ChatMessage = { role: 'user', content: 'What is 1 + 1?' }
  const cases: [string, ChatMessage[], string][] = [
    [
      'with a system message',
      [{ role: 'system', content: 'Be brief.' }, user],
      '<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nWhat is 1 + 1?<|im_end|>\n<|im_start|>assistant\n',
    ],
    [
      'without one it puts its own in front',
      [user],
      '<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' +
        '<|im_start|>user\nWhat is 1 + 1?<|im_end|>\n<|im_start|>assistant\n',
    ],
  ]

  test.each(cases)('%s', async (_, messages, expected) => {
    const llama = await getLlama({ build: 'never', gpu: false, logLevel: LlamaLogLevel.disabled })
    const model = await llama.loadModel({ modelPath: await smollm2(), vocabOnly: true })
    try {
      expect(ChatTemplate.of(model).render({ messages })).toBe(expected)
      // What the daemon's engine was really given has as many tokens as this text.
      const response = await daemon().post('/v1/chat/completions', { messages, max_tokens: 1 })
      const { usage } = (await response.json()) as { usage: { prompt_tokens: number } }
      expect(usage.prompt_tokens).toBe(model.tokenize(expected, true).length)
    } finally {
      await model.dispose()
    }
  })
})

describe('options of a request', () => {
  test('a stop string ends the answer and is not in it', async () => {
    const response = await daemon().post('/v1/chat/completions', { ...paris, stop: [' Paris'] })
    const { choices } = (await response.json()) as {
      choices: { message: { content: string }; finish_reason: string }[]
    }
    expect(choices[0]?.finish_reason).toBe('stop')
    expect(choices[0]?.message.content).not.toContain('Paris')
  })

  test('a seed repeats a sampled answer', async () => {
    const sample = async (): Promise<unknown> => {
      const response = await daemon().ask('smollm2', 'Tell me a story.', { temperature: 1, seed: 5, max_tokens: 12 })
      return ((await response.json()) as { choices: unknown }).choices
    }
    expect(await sample()).toEqual(await sample())
  })
})
