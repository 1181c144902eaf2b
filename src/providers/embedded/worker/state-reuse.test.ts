import type { LlamaModel } from 'node-llama-cpp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Served, WorkerGround } from '../../../../test/support/worker-ground.ts'
import type { ChatMessage, GenerateRequest } from '../../../spec/chat.ts'
import { TINY_MODELS, type TinyModel } from '../../../testing/tiny/tiny-models.ts'
import type { FromWorker } from './protocol.ts'

/*
 * What is reused of a state gives the answer that reading everything anew would give, on every kind of model: the text of a
 * real engine, and how likely each of its tokens was. The texts are much longer than the sliding window (64 tokens).
 */

const KINDS = (Object.keys(TINY_MODELS) as TinyModel[]).filter((kind) => kind !== 'nomic-bert')
/**
 * How far a token's log probability may be off: slices of other sizes round in other ways (2e-5 at most here, mostly 0). After
 * a sliding window that was cut too far it is off by 1e-4 to 4e-4.
 */
const MOST_OFF = 5e-5
/** `[assistant]`, one byte each. */
const ASKING_TOKENS = 11
const LONG = 'a long sentence about nothing at all, said once more. '
const system: ChatMessage = { role: 'system', content: LONG.repeat(4) }
const user = (content: string): ChatMessage => ({ role: 'user', content })

/** Text of which no part is like another. */
function letters(length: number): string {
  let seed = 1
  const next = (): number => (seed = (seed * 48_271) % 2_147_483_647) % 26
  return Array.from({ length }, () => String.fromCharCode(97 + next())).join('')
}

/** Messages, or text to be continued. */
type Asked = readonly ChatMessage[] | string

function requestOf(asked: Asked): Partial<GenerateRequest> {
  return typeof asked === 'string' ? { completion: { prompt: asked } } : { messages: asked }
}

let ground: WorkerGround

beforeAll(async () => {
  ground = await WorkerGround.make()
})

afterAll(() => ground[Symbol.asyncDispose]())

describe.each(KINDS)('%s', (kind) => {
  let model: LlamaModel
  /** Serves in turns on one slot. */
  let ask: (asked: Asked, stopAt?: (message: FromWorker) => boolean) => Promise<Served | undefined>
  let anew: (asked: Asked) => Promise<Served | undefined>

  beforeAll(async () => {
    // Weights so large that what is said depends on everything that was said.
    model = await ground.model(kind, { model: kind, isEndless: true, spread: 0.3 })
    const slot = await ground.slot(model)
    const fresh = await ground.slot(model)
    const form = { maxTokens: 8, topLogprobs: 1 }
    ask = (asked, stopAt) => ground.serve(model, [slot], { ...requestOf(asked), ...form }, stopAt)
    anew = async (asked) => {
      await fresh.sequence.clearHistory()
      return ground.serve(model, [fresh], { ...requestOf(asked), ...form })
    }
  })

  afterAll(() => model.dispose())

  async function expectAnew(served: Served | undefined, asked: Asked): Promise<Served> {
    const expected = await anew(asked)
    if (!served || !expected) throw new Error('cancelled')
    expect(served.text).toBe(expected.text)
    const off = served.logprobs.map((logprob, index) => Math.abs(logprob - (expected.logprobs[index] ?? NaN)))
    expect(Math.max(...off)).toBeLessThan(MOST_OFF)
    return served
  }

  test('the next turn reads only what is new, even when the answer is told in other words', async () => {
    const first = [system, user(LONG)]
    const { usage } = await expectAnew(await ask(first), first)
    const second = [...first, { role: 'assistant', content: 'something else' } as const, user('And now?')]
    const served = await expectAnew(await ask(second), second)
    expect(served.usage.cachedTokens).toBeGreaterThanOrEqual(usage.promptTokens - ASKING_TOKENS)
    // The same once more: all but the last token.
    const again = await expectAnew(await ask(second), second)
    expect(again.usage.cachedTokens).toBe(again.usage.promptTokens - 1)
    // Back to the first question.
    const back = await expectAnew(await ask(first), first)
    expect(back.usage.cachedTokens).toBe(back.usage.promptTokens - 1)
  })

  test('conversations that begin alike go on from where they part, from the second time on', async () => {
    const conversations = ['one', 'two', 'three'].map((word) => [system, user(`${word} ${LONG}`)])
    const cached: number[] = []
    for (const messages of conversations)
      cached.push((await expectAnew(await ask(messages), messages)).usage.cachedTokens ?? 0)
    expect(cached.at(-1)).toBeGreaterThanOrEqual(system.content.length)
  })

  test.each([250, 240, 230, 200, 60])(
    'text that parts %i tokens before the end is as if never read',
    async (tokens) => {
      const text = letters(760)
      await ask(text)
      const other = `${text.slice(0, -tokens)}!`
      await expectAnew(await ask(other), other)
      const again = await expectAnew(await ask(other), other)
      expect(again.usage.cachedTokens).toBe(again.usage.promptTokens - 1)
    },
  )

  test.each(['prefill', 'decode'] as const)('what is aborted in %s leaves no wrong state behind', async (phase) => {
    const messages = [system, user(`${phase}. ${LONG.repeat(3)}`)]
    let left = 2
    const stopAt = (message: FromWorker): boolean =>
      message.type === 'progress' && message.phase === phase && --left === 0
    expect(await ask(messages, stopAt)).toBeUndefined()
    await expectAnew(await ask(messages), messages)
    const other = [system, user('Something shorter.')]
    await expectAnew(await ask(other), other)
  })
})
