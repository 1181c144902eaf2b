import { mkdir } from 'node:fs/promises'
import { resolve } from 'node:path'
import { KvCache } from '../../src/kvcache/kv-cache.ts'
import type { GenerateChunk, GenerateEnd, GenerateRequest } from '../../src/spec/chat.ts'
import type { ModelDefinition } from '../../src/spec/model.ts'
import type { StateCacheSettings } from '../../src/spec/state-cache.ts'
import { fileSha256 } from '../../src/system/file-digest.ts'
import { SystemClock } from '../../src/system/system-clock.ts'
import { ask, never, read } from '../../src/testing/contract-check.ts'
import { type ServerGround, serverGround, type ServerGroundOptions } from './server-ground.ts'
import { TemporaryFolder } from './system-ground.ts'

const SETTINGS: StateCacheSettings = {
  isEnabled: true,
  maxBytes: 1e9,
  maxEntries: 100,
  writeBudgetBytesPerHour: 1e9,
  minTokens: 1,
  ttlMs: null,
  isEncrypted: false,
  compression: 'off',
}

/** A provider of llama-servers whose slots are kept on disk, by the real cache. */
export interface SlotGround extends AsyncDisposable {
  readonly ground: ServerGround
  readonly cache: KvCache
  readonly model: ModelDefinition
  /** What went wrong beside the answers. */
  readonly faults: unknown[]
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
  const files = await TemporaryFolder.make()
  const stateFolder = files.at('slots')
  await mkdir(stateFolder)
  const faults: unknown[] = []
  const cache = await KvCache.open({
    clock: new SystemClock(),
    folder: files.at('kv/.cache/models'),
    keyPath: files.at('key'),
    settings: () => ({ ...SETTINGS, ...settings }),
  })
  const ground: ServerGround = await serverGround({
    ...options,
    args: ['--slot-save-path', stateFolder, ...(options.args ?? [])],
    plan: { stateFolder, ...options.plan },
    provider: {
      keeping: {
        cache,
        // Models of this ground are named inside its folder.
        digestOf: (path) => fileSha256(resolve(ground.folder, path)),
        onFault: (error) => void faults.push(error),
      },
      ...options.provider,
    },
  })
  const { contextTokens = 4_096, parallel = 1 } = options
  const { provider } = ground
  const model = { ...ground.model, contextTokens, parallel }
  await provider.load(model, never())
  return {
    ...{ ground, cache, model, faults, stateFolder },
    async say(conversationId, messages, maxTokens = 4) {
      const asked = turns(messages, maxTokens, conversationId)
      return endOf(await read(provider.generate(model.id, asked, never())))
    },
    async restart() {
      await provider.states?.save(model.id, 'unload')
      await provider.unload(model.id)
      await provider.load(model, never())
    },
    async [Symbol.asyncDispose]() {
      await ground[Symbol.asyncDispose]()
      await cache.close()
      await files[Symbol.asyncDispose]()
    },
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
