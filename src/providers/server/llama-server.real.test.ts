import { describe, expect, onTestFinished, test } from 'vitest'
import { realLlamaServer } from '../../../test/support/real-engines.ts'
import { type ServerGround, serverGround, type ServerGroundOptions } from '../../../test/support/server-ground.ts'
import { ask, never, type ProviderAbility, read } from '../../testing/contract-check.ts'
import { PROVIDER_CONTRACT } from '../../testing/provider-contract.ts'
import { tinyGguf } from '../../testing/tiny-gguf.ts'
import { llamaServerCommand } from './llama-server-command.ts'

/** What llama-server (b11434) cannot do as a command of ours, each with its reason. */
const LACKS: ReadonlyMap<ProviderAbility, string> = new Map([
  ['counting', 'it counts only while it runs; then it does, exactly'],
  ['embeddings', 'one that embeds answers nothing'],
])

const found = await realLlamaServer()

if ('missing' in found) {
  test('a real llama-server is missing', () => {
    expect(found.missing).not.toBe('')
    expect(process.env['CI'], `CI has to have one: ${found.missing}`).not.toBe('true')
  })
} else onReal(found.binary)

function onReal(binary: string): void {
  const ground = async (options: ServerGroundOptions = {}): Promise<ServerGround> => {
    const made = await serverGround({
      weights: [tinyGguf({ isEndless: true }), tinyGguf({ name: 'tine', seed: 2, isEndless: true })],
      command: (definition, modelPath) => llamaServerCommand({ binary, modelPath, definition, threads: 2 }),
      plan: { stuckAfterMs: 4_000 },
      ...options,
    })
    onTestFinished(() => made[Symbol.asyncDispose]())
    return made
  }

  describe('the provider contract, on a real llama-server', () => {
    for (const { promise, needs = [], run } of PROVIDER_CONTRACT) {
      const lacking = needs.filter((ability) => LACKS.has(ability))
      if (lacking.length > 0) {
        test(`not kept: ${promise}`, () => {
          expect(lacking.map((ability) => LACKS.get(ability))).not.toContain(undefined)
        })
      } else test(promise, async () => run(await ground()))
    }
  })

  test('tokens are counted as they are served', async () => {
    const { provider, model } = await ground()
    await provider.load(model, never())
    const { messages } = ask('how many are these?', 1)
    const end = (await read(provider.generate(model.id, ask('how many are these?', 1), never()))).at(-1)
    expect(end?.type === 'end' && end.usage.promptTokens).toBe(await provider.countTokens(model, messages, never()))
  })

  test('a model that embeds is served by one that does nothing else', async () => {
    const encoder = tinyGguf({ model: 'nomic-bert' })
    const { provider, model } = await ground({
      weights: [encoder, encoder],
      command: (definition, modelPath) =>
        llamaServerCommand({ binary, modelPath, definition: { ...definition, onlyEmbeds: true }, threads: 2 }),
    })
    await provider.load(model, never())
    const { vectors, promptTokens } = await provider.embed(model.id, ['one', 'another', 'one'], never())
    expect(vectors.map((vector) => Math.hypot(...vector))).toEqual(vectors.map(() => expect.closeTo(1, 4) as unknown))
    expect(vectors[0]).toEqual(vectors[2])
    expect(promptTokens).toBeGreaterThan(0)
  })

  test('it ends at once although an answer goes on', async () => {
    const { provider, model } = await ground()
    await provider.load(model, never())
    const answer = provider.generate(model.id, ask('go on', 500), never())[Symbol.asyncIterator]()
    await answer.next()
    const startedAtMs = performance.now()
    const ended = expect(drained(answer)).rejects.toMatchObject({ reason: 'engine-lost' })
    await provider.unload(model.id)
    await ended
    expect(performance.now() - startedAtMs).toBeLessThan(5_500)
  })
}

async function drained(answer: AsyncIterator<unknown>): Promise<void> {
  while (!(await answer.next()).done);
}
