import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { KvCache } from '../../src/kvcache/kv-cache.ts'
import type { OnSaveStep } from '../../src/kvcache/save-step.ts'
import type {
  CacheFault,
  NewState,
  OpenState,
  SavedState,
  StateCacheSettings,
  StateKey,
  StateQuery,
} from '../../src/spec/state-cache.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { TemporaryFolder } from './system-ground.ts'

export const KEY: StateKey = { weights: 'w1', engine: 'e1', sequences: 1 }
export const SETTINGS: StateCacheSettings & { readonly ttlMs: number } = {
  isEnabled: true,
  maxBytes: 10_000_000,
  maxEntries: 100,
  writeBudgetBytesPerHour: 50_000_000,
  minTokens: 100,
  ttlMs: 30 * 86_400_000,
  isEncrypted: false,
  compression: 'off',
}

const opened: KvCache[] = []
const folders: TemporaryFolder[] = []

/** To be called after each test. */
export async function tearDown(): Promise<void> {
  for (const cache of opened.splice(0)) await cache.close()
  for (const folder of folders.splice(0)) await folder[Symbol.asyncDispose]()
}

/** Closes it, so that another one may use its folder. */
export async function close(cache: KvCache): Promise<void> {
  opened.splice(opened.indexOf(cache), 1)
  await cache.close()
}

export async function temporaryFolder(): Promise<string> {
  const folder = await TemporaryFolder.make()
  folders.push(folder)
  return folder.path
}

export interface Stage {
  readonly cache: KvCache
  readonly folder: string
  readonly home: string
  readonly clock: VirtualClock
  readonly faults: CacheFault[]
}

export async function stage(
  settings: Partial<StateCacheSettings> = {},
  home?: string,
  clock: VirtualClock = new VirtualClock(1e12),
  onStep?: OnSaveStep,
): Promise<Stage> {
  const place = home ?? (await temporaryFolder())
  const folder = join(place, '.cache', 'models')
  const cache = await KvCache.open({
    clock,
    folder,
    keyPath: join(place, 'kv.key'),
    settings: () => ({ ...SETTINGS, ...settings }),
    ...(onStep && { onStep }),
  })
  opened.push(cache)
  const faults: CacheFault[] = []
  cache.onFault((fault) => faults.push(fault))
  return { cache, folder, home: place, clock, faults }
}

/** As a process that was killed leaves it. */
export async function again({ cache, home, clock }: Stage, settings?: Partial<StateCacheSettings>): Promise<Stage> {
  await close(cache)
  return stage(settings, home, clock)
}

export function tokens(count: number, seed = 1): Uint32Array {
  return Uint32Array.from({ length: count }, (_, at) => (at * 7 + seed) % 50_000)
}

export const NEW: NewState = {
  key: KEY,
  owner: { owner: 'local', conversationId: 'c1' },
  modelId: 'deepseek-r1:14b',
  expectedBytes: 1_000,
  tokens: 300,
  unsavedTokens: 300,
  canBeCut: true,
  reason: 'rhythm',
}

export async function save(
  cache: KvCache,
  held: Uint32Array,
  more: Partial<NewState> = {},
  payload: Uint8Array = randomBytes(1_000),
): Promise<SavedState> {
  const draft = await cache.begin({ ...NEW, tokens: held.length, expectedBytes: payload.length, ...more })
  if (!('path' in draft)) throw new Error(draft.message)
  await writeFile(draft.path, payload)
  return draft.commit(held)
}

export function query(prompt: Uint32Array, more: Partial<StateQuery> = {}): StateQuery {
  return { key: KEY, owner: 'local', tokens: prompt, moreThanTokens: 0, mustBeWhole: false, ...more }
}

export async function payloadOf(found: OpenState | undefined): Promise<Buffer | undefined> {
  if (!found) return undefined
  const bytes = await readFile(found.path)
  await found[Symbol.asyncDispose]()
  return bytes.subarray(0, found.payloadBytes)
}

/** Flips a bit of a file, at a place that its size tells. */
export function flip(at: (size: number) => number): (path: string) => Promise<void> {
  return async (path) => {
    const bytes = await readFile(path)
    const place = at(bytes.length)
    bytes[place] = (bytes[place] ?? 0) ^ 1
    await writeFile(path, bytes)
  }
}
