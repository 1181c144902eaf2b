import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import {
  type GroundModels,
  keptContract,
  OLLAMA_LACKS,
  type OllamaGroundOptions,
  OllamaProviderGround,
} from '../../../test/support/ollama-provider-ground.ts'
import { realOllama } from '../../../test/support/real-engines.ts'
import { RealOllamaServer } from '../../../test/support/real-ollama-server.ts'
import { placeVariant, smollm2 } from '../../../test/support/smollm2.ts'
import { ask, drain, never, read, rejects } from '../../testing/contract-check.ts'

/*
 * The contract of every provider on a real Ollama, and what only a real one shows: memory, processes, their end.
 */

const MODELS: GroundModels = { model: 'smollm2:latest', sibling: 'twin:latest', other: 'other:latest' }

const found = await realOllama()

test.each('missing' in found ? [found.missing] : [])('a real Ollama is missing: %s', (missing) => {
  expect(process.env['CI'], `CI has to have one: ${missing}`).not.toBe('true')
})

for (const binary of 'binary' in found ? [found.binary] : []) onReal(binary)

function onReal(binary: string): void {
  let folder: string
  let server: RealOllamaServer

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'grym-ollama-files-'))
    server = await RealOllamaServer.start(binary)
    await server.make({ name: MODELS.model, path: await smollm2() })
    await server.copy(MODELS.model, MODELS.sibling)
    await server.make({ name: MODELS.other, path: await placeVariant(folder, 'other.gguf', 'X') })
  })

  afterAll(async () => {
    await server[Symbol.asyncDispose]()
    await rm(folder, { recursive: true, force: true })
  })

  const start = (options: OllamaGroundOptions = {}): OllamaProviderGround => {
    const ground = new OllamaProviderGround(server.url, options)
    onTestFinished(() => ground[Symbol.asyncDispose]())
    return ground
  }
  const kill = async (ground: OllamaProviderGround, name: string): Promise<void> => {
    const runner = await ground.processOf(name)
    process.kill(runner?.pid ?? Number.NaN, 'SIGKILL')
  }
  const causes = ({ losses }: OllamaProviderGround): string[] => losses.map(({ cause }) => cause)

  describe('the contract of every provider, on a real Ollama', () => {
    const { kept, notKept } = keptContract(OLLAMA_LACKS)
    test.each(notKept)('not kept: %s (%s)', (_, reasons) => expect(reasons).not.toEqual([]))
    for (const { promise, run } of kept) {
      test(promise, async () => {
        const ground = start()
        await run(await ground.subject(MODELS, 512, ({ id }) => kill(ground, id)))
      })
    }
  })

  test('memory is measured where the process can be seen, and Ollama reports less', async () => {
    const ground = start()
    const definition = await ground.define(MODELS.model, 2_048)
    expect(definition.weights?.sha256).toMatch(/^[0-9a-f]{64}$/)
    const loaded = await ground.provider.load(definition, never())
    const { models } = (await ground.connection.get('/api/ps')) as {
      models: { size: number; context_length: number }[]
    }
    expect(loaded).toMatchObject({ contextTokens: 2_048, footprint: { source: 'measured' } })
    expect(loaded.footprint.bytes).toBeGreaterThan(models[0]?.size ?? Infinity)
    expect(models[0]?.context_length).toBe(2_048)
  })

  test('two names with two windows are one runner, whoever is asked', async () => {
    const ground = start()
    const { provider } = ground
    await provider.load(await ground.define(MODELS.model, 1_024), never())
    const twin = await provider.load(await ground.define(MODELS.sibling, 512), never())
    for (const id of [MODELS.model, MODELS.sibling, MODELS.model]) {
      await read(provider.generate(id, ask('hello', 2), never()))
    }
    expect(await ground.processOf(MODELS.model)).toMatchObject({ pid: twin.pid })
    expect(provider.counters).toEqual({ reloadsAvoided: 1, reloads: 0 })
    expect(causes(ground)).toEqual([])
  })

  test('a larger window is one reload, and answers of both names after it are none', async () => {
    const ground = start()
    const { provider } = ground
    await provider.load(await ground.define(MODELS.model, 512), never())
    const grown = await provider.load(await ground.define(MODELS.sibling, 1_024), never())
    expect(grown.contextTokens).toBe(1_024)
    for (const id of [MODELS.model, MODELS.sibling]) await read(provider.generate(id, ask('hello', 2), never()))
    expect(await ground.processOf(MODELS.model)).toMatchObject({ pid: grown.pid })
    expect(provider.counters).toEqual({ reloadsAvoided: 0, reloads: 1 })
    expect(causes(ground)).toEqual([])
  })

  test('what somebody else unloads is noticed, by whichever name they do it', async () => {
    const ground = start({ watchIntervalMs: () => 100 })
    await ground.provider.load(await ground.define(MODELS.model, 512), never())
    await server.post('/api/generate', { model: MODELS.sibling, keep_alive: 0, stream: false })
    await expect.poll(() => causes(ground), { timeout: 10_000 }).toEqual(['taken'])
  })

  test('an unloaded model has given its memory back when that is said', async () => {
    const ground = start()
    const definition = await ground.define(MODELS.model, 512)
    const { pid } = await ground.provider.load(definition, never())
    await ground.provider.unload(definition.id)
    expect(await ground.processOf(definition.id)).toBeUndefined()
    expect(() => process.kill(pid ?? Number.NaN, 0)).toThrow('ESRCH')
  })

  test('a load that is given up leaves no process', async () => {
    const ground = start()
    const definition = await ground.define(MODELS.model, 512)
    const leaving = new AbortController()
    const load = ground.provider.load(definition, leaving.signal)
    await expect.poll(() => ground.processOf(definition.id), { interval: 10, timeout: 10_000 }).toBeDefined()
    leaving.abort()
    await rejects('request-cancelled', load)
    expect(await ground.hasEngines()).toBe(false)
    await expect.poll(() => ground.processOf(definition.id), { timeout: 10_000 }).toBeUndefined()
  })

  test('a runner that is killed under answers costs those, and the next request is served', async () => {
    const ground = start()
    const definition = await ground.define(MODELS.model, 1_024)
    const { provider } = ground
    await provider.load(definition, never())
    const [first, second] = ['fox', 'hare'].map((animal) => {
      const story = ask(`Tell a very long story about a ${animal}.`, 900)
      return provider.generate(definition.id, story, never())[Symbol.asyncIterator]()
    }) as [AsyncIterator<never>, AsyncIterator<never>]
    await first.next()
    // Ollama answers one at a time here: who waits within it may find the dead runner, or be served whole by a fresh one.
    const waiting = drain(second).catch((error: unknown) => rejects('engine-lost', Promise.reject(error as Error)))
    const both = Promise.all([rejects('engine-lost', drain(first)), waiting])
    // Both have reached Ollama: one that comes after the kill is served by a fresh runner.
    await setTimeout(500)
    await kill(ground, definition.id)
    await both
    expect(causes(ground)).toEqual(['crashed'])
    await provider.load(definition, never())
    expect((await read(provider.generate(definition.id, ask('again', 2), never()))).at(-1)?.type).toBe('end')
  })
}
