import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type GroundModels, OllamaProviderGround } from '../../../test/support/ollama-provider-ground.ts'
import { realOllama } from '../../../test/support/real-engines.ts'
import { RealOllamaServer } from '../../../test/support/real-ollama-server.ts'
import { placeVariant, smollm2 } from '../../../test/support/smollm2.ts'
import { ask, drain, never, type ProviderAbility, read, rejects } from '../../testing/contract-check.ts'
import { PROVIDER_CONTRACT } from '../../testing/provider-contract.ts'

/*
 * The contract of every provider on a real Ollama, and what only a real one shows: memory, processes, their end.
 */

const MODELS: GroundModels = { model: 'smollm2:latest', sibling: 'twin:latest', other: 'other:latest' }

/** As in `ollama-provider.test.ts`, where the reasons stand. */
const LACKS: ReadonlySet<ProviderAbility> = new Set(['prefix-reuse', 'counting', 'tools', 'stall'])

let folder = ''
let server: RealOllamaServer | undefined
let ground: OllamaProviderGround | undefined
const engine = await realOllama()

beforeAll(async () => {
  if ('missing' in engine) return
  folder = await mkdtemp(join(tmpdir(), 'grym-ollama-files-'))
  server = await RealOllamaServer.start(engine.binary)
  await server.make({ name: MODELS.model, path: await smollm2() })
  await server.copy(MODELS.model, MODELS.sibling)
  await server.make({ name: MODELS.other, path: await placeVariant(folder, 'other.gguf', 'X') })
})

afterEach(async () => {
  await ground?.[Symbol.asyncDispose]()
  ground = undefined
})

afterAll(async () => {
  await server?.[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

function start(...[options]: [options?: ConstructorParameters<typeof OllamaProviderGround>[1]]): OllamaProviderGround {
  if (!server) throw new Error('There is no Ollama.')
  ground = new OllamaProviderGround(server.url, options)
  return ground
}

async function kill({ id }: { readonly id: string }): Promise<void> {
  const runner = await ground?.processOf(id)
  if (!runner) throw new Error('The runner is not found.')
  process.kill(runner.pid, 'SIGKILL')
}

if ('missing' in engine) {
  test(`a real Ollama was not to be had: ${engine.missing}`, () => expect(engine.missing).not.toBe(''))
} else {
  describe('the contract of every provider, on a real Ollama', () => {
    const isWithin = ({ needs = [] }: (typeof PROVIDER_CONTRACT)[number]): boolean =>
      !needs.some((ability) => LACKS.has(ability))
    for (const { promise, run } of PROVIDER_CONTRACT.filter(isWithin)) {
      test(promise, async () => run(await start().subject(MODELS, 512, kill)))
    }
  })

  test('memory is measured where the process can be seen, and Ollama reports less', async () => {
    const all = start()
    expect((await all.models.find(MODELS.model))?.weights.sha256).toMatch(/^[0-9a-f]{64}$/)
    const loaded = await all.provider.load(await all.define(MODELS.model, 2_048), never())
    const { models } = (await all.connection.get('/api/ps')) as { models: { size: number; context_length: number }[] }
    expect(loaded).toMatchObject({ contextTokens: 2_048, footprint: { source: 'measured' } })
    expect(loaded.footprint.bytes).toBeGreaterThan(models[0]?.size ?? Infinity)
    expect(models[0]?.context_length).toBe(2_048)
  })

  test('two names with two windows are one runner, whoever is asked', async () => {
    const all = start()
    const { provider } = all
    await provider.load(await all.define(MODELS.model, 1_024), never())
    const twin = await provider.load(await all.define(MODELS.sibling, 512), never())
    for (const id of [MODELS.model, MODELS.sibling, MODELS.model])
      await read(provider.generate(id, ask('hello', 2), never()))
    const { pid } = await provider.load(await all.define(MODELS.model, 1_024), never())
    expect(twin.pid).toBe(pid)
    expect(provider.counters).toEqual({ reloadsAvoided: 1, reloads: 0 })
    expect(all.losses).toEqual([])
  })

  test('somebody else unloads it, or kills the server: both are noticed', async () => {
    const all = start({ watchIntervalMs: () => 100 })
    const { provider } = all
    await provider.load(await all.define(MODELS.model, 512), never())
    await server?.post('/api/generate', { model: MODELS.sibling, keep_alive: 0, stream: false })
    await expect.poll(() => all.losses.map(({ cause }) => cause), { timeout: 10_000 }).toEqual(['taken'])
  })

  test('an unloaded model has given its memory back when that is said', async () => {
    const all = start()
    const definition = await all.define(MODELS.model, 512)
    const { pid } = await all.provider.load(definition, never())
    await all.provider.unload(definition.id)
    expect(await all.processOf(definition.id)).toBeUndefined()
    expect(() => process.kill(pid ?? 0, 0)).toThrow('ESRCH')
  })

  test('a runner that is killed under several answers costs those, and the next request is served', async () => {
    const all = start()
    const definition = await all.define(MODELS.model, 1_024)
    const { provider } = all
    await provider.load(definition, never())
    const answers = ['one', 'two'].map((text) => provider.generate(definition.id, ask(text, 400), never()))
    const [first] = answers.map((answer) => answer[Symbol.asyncIterator]())
    await first?.next()
    await kill(definition)
    if (first) await rejects('engine-lost', drain(first))
    expect(all.losses.map(({ cause }) => cause)).toEqual(['crashed'])
    await provider.load(definition, never())
    expect((await read(provider.generate(definition.id, ask('again', 2), never()))).at(-1)?.type).toBe('end')
  })
}
