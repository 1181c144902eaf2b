import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { GenerateRequest } from '../../spec/chat.ts'
import type { Clock } from '../../spec/clock.ts'
import { ResourceError } from '../../spec/errors.ts'
import type { ModelDefinition } from '../../spec/model.ts'
import type { StateCache } from '../../spec/state-cache.ts'
import { asRecord } from '../../spec/json-narrowing.ts'
import type { ServerConnection } from './server-connection.ts'
import type { ServerPlan } from './server-plan.ts'
import { SlotFiles } from './slot-files.ts'
import { slotStateKey } from './slot-key.ts'
import { type ReadingPace, SlotStates } from './slot-states.ts'

/** What it takes that states of slots are kept. */
export interface StateKeeping {
  readonly cache: StateCache
  /** SHA-256 of a file, hexadecimal; of one that has not changed it is remembered. */
  readonly digestOf: (path: string) => Promise<string>
  /** What was lost by it is time only. */
  readonly onFault: (error: unknown) => void
}

export interface OpenSlotStatesOptions extends StateKeeping {
  readonly clock: Clock
  readonly plan: ServerPlan
  readonly connection: ServerConnection
  readonly definition: ModelDefinition
  readonly pid: number | undefined
  readonly pace: ReadingPace
}

/** The slots of a server that grym started and gave a folder; `undefined` = their states cannot be kept, or not be told apart. */
export async function openSlotStates(options: OpenSlotStatesOptions): Promise<SlotStates | undefined> {
  const { plan, connection, definition, clock, cache, digestOf, onFault, pid, pace } = options
  const { run, stateFolder } = plan
  const { features, rootUrl, upstream } = connection
  const { weights, estimate, contextTokens, onlyEmbeds } = definition
  if (run.kind !== 'command' || stateFolder === undefined || !features.canSaveState || onlyEmbeds) return undefined
  if (features.slots === null || features.hasVision === true) return undefined
  const { path } = weights ?? {}
  try {
    const sha256 = weights?.sha256 ?? (path === undefined ? undefined : await digestOf(path))
    const props = asRecord(
      await upstream.http.json({ url: `${rootUrl}/props`, signal: AbortSignal.timeout(DEADLINE_MS) }),
    )
    const key = sha256 && props && (await slotStateKey({ run, props, sha256, pid, digestOf }))
    if (!key) return undefined
    const files = new SlotFiles({ http: upstream.http, rootUrl, folder: stateFolder })
    const tokenize = async (request: GenerateRequest, signal: AbortSignal): Promise<Uint32Array | undefined> => {
      try {
        const tokens = await connection.promptTokens(request, signal)
        return tokens.every(isToken) ? Uint32Array.from(tokens) : undefined
      } catch (error) {
        // A prompt that cannot be made is told by whoever is to answer it.
        if (error instanceof ResourceError && error.reason !== 'request-cancelled') return undefined
        throw error
      }
    }
    const bytesPerToken = Math.max(1, estimate.contextBytes / contextTokens)
    return new SlotStates({ clock, cache, key, files, slots: features.slots, bytesPerToken, tokenize, pace, onFault })
  } catch (error) {
    onFault(error)
    return undefined
  }
}

/** How long the question may take what the server is, ms. */
const DEADLINE_MS = 5_000

/** Makes the folder that llama-servers get for their slots, ours alone and empty: links that a crash left lead nowhere. */
export async function prepareStateFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  for (const name of await readdir(folder)) await rm(join(folder, name), { force: true })
}

function isToken(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0
}
