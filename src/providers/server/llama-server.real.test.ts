import { readdir, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { realLlamaServer } from '../../../test/support/real-engines.ts'
import { type ServerGround, serverGround, type ServerGroundOptions } from '../../../test/support/server-ground.ts'
import { keptServerGround, longText, slotGround, turns } from '../../../test/support/slot-ground.ts'
import { smollm2 } from '../../../test/support/smollm2.ts'
import {
  ask,
  type ContractCheck,
  never,
  type ProviderAbility,
  read,
  rejects,
  text,
} from '../../testing/contract-check.ts'
import { PROVIDER_CONTRACT } from '../../testing/provider-contract.ts'
import { tinyGguf, tinyLora } from '../../testing/tiny-gguf.ts'
import { llamaServerCommand } from './llama-server-command.ts'
import { llamaServerFlags } from './llama-server-flags.ts'
import { llamaServerPlan } from './llama-server-plan.ts'

/** What llama-server (b11434) cannot do as a command of ours. */
const LACKS: ReadonlyMap<ProviderAbility, string> = new Map([
  ['counting', 'it counts only while it runs; then it does, exactly'],
  ['embeddings', 'one that embeds answers nothing'],
  ['tools', 'a call that is required may stand after any text, and without tools in the template none comes at all'],
  ['logprobs', 'tokens that are pieces of one character are told as one; where there are none, see SmolLM2 below'],
])

/** Says nothing but what was said. */
const TEMPLATE = "{% for message in messages %}{{ '{{' + message['content'] + '}}' }}{% endfor %}"

const found = await realLlamaServer()
const binaries = 'binary' in found ? [found.binary] : []

function isWithin({ needs = [] }: ContractCheck): boolean {
  return !needs.some((ability) => LACKS.has(ability))
}

test('a real llama-server is here, or it is said why not', () => {
  expect('missing' in found ? found.missing : found.binary).not.toBe('')
  if (process.env['CI'] === 'true') expect(found).toHaveProperty('binary')
})

describe.each(binaries)('on a real llama-server', (binary) => {
  const tiny: ServerGroundOptions = {
    weights: [tinyGguf({ isEndless: true, spread: 0.3 }), tinyGguf({ name: 'tine', seed: 2, isEndless: true })],
    command: (definition, modelPath) => llamaServerCommand({ binary, modelPath, definition, threads: 2 }),
    plan: { stuckAfterMs: 4_000 },
  }
  const ground = async (options: ServerGroundOptions = {}): Promise<ServerGround> => {
    const made = await serverGround({ ...tiny, ...options })
    onTestFinished(() => made[Symbol.asyncDispose]())
    return made
  }

  describe('the contract of every provider', () => {
    for (const { promise, run } of PROVIDER_CONTRACT.filter(isWithin)) {
      test(promise, async () => {
        const subject = await keptServerGround(tiny)
        onTestFinished(() => subject[Symbol.asyncDispose]())
        await run(subject)
        expect(subject.alive.size).toBeLessThan(3)
      })
    }
  })

  describe('with SmolLM2, whose tokens are words', () => {
    const speaking = async (): Promise<ServerGround> => {
      const modelPath = await smollm2()
      return ground({ command: (definition) => llamaServerCommand({ binary, modelPath, definition, threads: 2 }) })
    }

    for (const { promise, run } of PROVIDER_CONTRACT.filter(({ needs }) => needs?.includes('logprobs'))) {
      test(promise, async () => {
        const subject = await speaking()
        await run(subject)
        expect(subject.alive.size).toBe(1)
      })
    }

    test('its footprint is measured, and it has no tools', async () => {
      const { provider, model } = await speaking()
      const { footprint, heldFileBytes, contextTokens } = await provider.load(model, never())
      expect(footprint.source).toBe('measured')
      expect(footprint.bytes).toBeGreaterThan(80_000_000)
      expect({ heldFileBytes: heldFileBytes > 0, contextTokens }).toEqual({ heldFileBytes: true, contextTokens: 512 })
      const tools = [{ name: 'look' }]
      await rejects('tools-unsupported', read(provider.generate(model.id, { ...ask('x', 4), tools }, never())))
    })
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
    for (const vector of vectors) expect(Math.hypot(...vector)).toBeCloseTo(1, 4)
    expect(vectors[0]).toEqual(vectors[2])
    expect(promptTokens).toBeGreaterThan(0)
  })

  test('a template, adapters, another KV cache and checkpoints of a definition are taken', async () => {
    const { provider, model, folder } = await ground({
      command: (definition, modelPath) => {
        const loras = [
          { path: join(folder, 'one.gguf'), scale: 1 },
          { path: join(folder, 'two.gguf'), scale: 0.5 },
        ]
        const engine = { kvType: 'f32', template: TEMPLATE, loras } as const
        const wanted = { ...definition, engine, checkpoints: 2 }
        return llamaServerCommand({ binary, modelPath, definition: wanted, threads: 2 })
      },
    })
    await writeFile(join(folder, 'one.gguf'), tinyLora(1))
    await writeFile(join(folder, 'two.gguf'), tinyLora(2))
    await provider.load(model, never())
    // One token a letter; in front a first one, and the blank with which this tokenizer begins a text.
    expect(await provider.countTokens(model, [{ role: 'user', content: 'abc' }], never())).toBe('{{abc}}'.length + 2)
    expect(await read(provider.generate(model.id, ask('x', 2), never()))).not.toEqual([])
  })

  test('as an entry wants it, it answers nobody without its key', async () => {
    const made = await ground({
      provider: {
        planOf: (definition) => {
          const modelPath = join(made.folder, 'a.gguf')
          const environment = { PATH: process.env['PATH'], LLAMA_API_KEY: 'another', LLAMA_ARG_CTX_SIZE: '77' }
          return llamaServerPlan({ binary, modelPath, definition, threads: 2, environment })
        },
      },
    })
    const { provider, model } = made
    expect((await provider.load(model, never())).contextTokens).toBe(512)
    expect(await read(provider.generate(model.id, ask('x', 2), never()))).not.toEqual([])
    const [, port] = /listening on http:\/\/127\.0\.0\.1:(\d+)/.exec(provider.log(model.id)?.join('\n') ?? '') ?? []
    expect((await fetch(`http://127.0.0.1:${port}/props`)).status).toBe(401)
  })

  test('its flags are known', async () => {
    const flags = await llamaServerFlags(binary)
    expect(flags).toContain('--ctx-size')
    expect(flags).toBe(await llamaServerFlags(binary))
    expect(await llamaServerFlags('/no/such/program')).toBeUndefined()
  })

  test('what it can do is found, states of slots among it', async () => {
    const plain = await ground()
    await plain.provider.load(plain.model, never())
    expect(plain.provider.featuresOf(plain.model.id)).toEqual({
      isLlamaServer: true,
      contextTokens: 512,
      slots: 1,
      canSaveState: false,
      canCountTokens: true,
      hasVision: false,
      hasTools: false,
    })
    const saving = await ground({
      command: (definition, modelPath) =>
        llamaServerCommand({ binary, modelPath, definition, threads: 2, stateFolder: plain.folder }),
    })
    await saving.provider.load({ ...saving.model, parallel: 3 }, never())
    expect(saving.provider.featuresOf(saving.model.id)).toMatchObject({ slots: 3, canSaveState: true })
  })

  test('states of slots go to disk and come back, the answer after it the same as that of a server that never left', async () => {
    const kept = await slotGround({ ...tiny, contextTokens: 2_048 })
    onTestFinished(() => kept[Symbol.asyncDispose]())
    const { say, restart, cache, faults, stateFolder, ground: under, model } = kept
    const { provider } = under
    const long = longText('w', 200)
    const answer = async (): Promise<string> =>
      text(await read(provider.generate(model.id, turns([long], 24, 'one'), never())))
    const first = await say('one', [long])
    const warm = await answer()
    await restart()
    expect(cache.report()).toMatchObject({ entries: 1, totals: { savedStates: 1 } })
    const [entry] = cache.list()
    expect(entry?.tokens).toBeGreaterThanOrEqual(first.usage.promptTokens)
    expect(await answer()).toBe(warm)
    expect(cache.report().totals).toMatchObject({ restores: 1, restoredTokens: first.usage.promptTokens - 1 })
    // A file that is cut would end the server; it is never shown to it.
    await restart()
    for (const { path } of cache.list()) await truncate(path, 5_000)
    expect((await say('one', [long])).restored).toBeUndefined()
    expect(under.alive.size).toBe(1)
    expect(faults).toEqual([])
    expect(await readdir(stateFolder)).toEqual([])
  })

  test('it ends within seconds although an answer goes on', async () => {
    const { provider, model, alive } = await ground()
    await provider.load(model, never())
    const answer = provider.generate(model.id, ask('go on', 500), never())[Symbol.asyncIterator]()
    await answer.next()
    const startedAtMs = performance.now()
    const ended = rejects('engine-lost', drained(answer))
    await provider.unload(model.id)
    await ended
    expect(performance.now() - startedAtMs).toBeLessThan(5_500)
    expect(alive.size).toBe(0)
  })
})

async function drained(answer: AsyncIterator<unknown>): Promise<void> {
  while (!(await answer.next()).done);
}
