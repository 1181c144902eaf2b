import { mkdir } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { KvCache } from '../../src/kvcache/kv-cache.ts'
import type { GenerateChunk, GenerateEnd, GenerateRequest } from '../../src/spec/chat.ts'
import type { ModelDefinition } from '../../src/spec/model.ts'
import type { StateCacheSettings } from '../../src/spec/state-cache.ts'
import { ask, never, read } from '../../src/testing/contract-check.ts'
import { digestOnce, KeptStatesGround } from './kept-states-ground.ts'
import { type ServerGround, serverGround, type ServerGroundOptions } from './server-ground.ts'
import { TemporaryFolder } from './system-ground.ts'

/** A provider of llama-servers whose slots are kept on disk, by the real cache. */
export interface KeptServerGround extends ServerGround {
  readonly keptStates: KeptStatesGround
  /** What went wrong beside the answers. */
  readonly faults: readonly unknown[]
  readonly stateFolder: string
}

export async function keptServerGround(
  options: ServerGroundOptions = {},
  settings: Partial<StateCacheSettings> = {},
): Promise<KeptServerGround> {
  const files = await TemporaryFolder.make()
  const stateFolder = files.at('slots')
  await mkdir(stateFolder)
  const faults: unknown[] = []
  const keptStates = await KeptStatesGround.make(settings)
  const ground: ServerGround = await serverGround({
    ...options,
    args: ['--slot-save-path', stateFolder, ...(options.args ?? [])],
    plan: { stateFolder, ...options.plan },
    provider: {
      keeping: {
        cache: keptStates.cache,
        // Models of this ground are named inside its folder.
        digestOf: (path) => digestOnce(resolve(ground.folder, path)),
        onFault: (error) => void faults.push(error),
      },
      ...options.provider,
    },
  })
  return {
    ...{ ...ground, keptStates, faults, stateFolder },
    async [Symbol.asyncDispose]() {
      await ground[Symbol.asyncDispose]()
      await keptStates[Symbol.asyncDispose]()
      await files[Symbol.asyncDispose]()
    },
  }
}

/** The same with a model in memory, and talks with it. */
export interface SlotGround extends AsyncDisposable {
  readonly ground: KeptServerGround
  readonly cache: KvCache
  readonly model: ModelDefinition
  readonly faults: readonly unknown[]
  readonly stateFolder: string
  /** Answers a conversation's messages; its end. */
  readonly say: (
    conversationId: string | undefined,
    messages: readonly string[],
    maxTokens?: number,
  ) => Promise<GenerateEnd>
  /** All saves of the model's slots, then its server goes; the next answer starts another one. */
  readonly restart: () => Promise<void>
}

export async function slotGround(
  options: ServerGroundOptions & { readonly contextTokens?: number; readonly parallel?: number } = {},
  settings: Partial<StateCacheSettings> = {},
): Promise<SlotGround> {
  const ground = await keptServerGround(options, settings)
  const { contextTokens = 4_096, parallel = 1 } = options
  const { provider, faults, stateFolder } = ground
  const model = { ...ground.model, contextTokens, parallel }
  await provider.load(model, never())
  return {
    ...{ ground, cache: ground.keptStates.cache, model, faults, stateFolder },
    async say(conversationId, messages, maxTokens = 4) {
      const asked = turns(messages, maxTokens, conversationId)
      return endOf(await read(provider.generate(model.id, asked, never())))
    },
    async restart() {
      await provider.states?.save(model.id, 'unload')
      await provider.unload(model.id)
      await provider.load(model, never())
    },
    [Symbol.asyncDispose]: () => ground[Symbol.asyncDispose](),
  }
}

/** Question, answer, question, …: what a conversation has by now. */
export function turns(
  messages: readonly string[],
  maxTokens: number,
  conversationId: string | undefined,
  owner: string = 'local',
): GenerateRequest {
  return {
    ...ask('', maxTokens),
    sampling: { temperature: 0, seed: 1 },
    messages: messages.map((content, place) => ({ role: place % 2 === 0 ? 'user' : 'assistant', content })),
    ...(conversationId !== undefined && { stateOwner: { owner, conversationId } }),
  }
}

export function endOf(chunks: readonly GenerateChunk[]): GenerateEnd {
  const end = chunks.at(-1)
  if (end?.type !== 'end') throw new Error('an answer has an end')
  return end
}

/** So many different words, beginning with this one. */
export function longText(first: string, words: number): string {
  return Array.from({ length: words }, (_, place) => `${first}${place}`).join(' ')
}
