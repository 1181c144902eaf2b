import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { Config } from '../config/config.ts'
import { Manager } from '../manager/manager.ts'
import { FileCatalog } from '../models/catalog.ts'
import { LearnedFootprints } from '../models/learned-footprints.ts'
import { MetadataCache } from '../models/metadata-cache.ts'
import { BATCH_TOKENS, EmbeddedProvider } from '../providers/embedded/embedded-provider.ts'
import type { JournalEntry } from '../spec/journal.ts'
import { usableCores } from '../system/cpu-cores.ts'
import { DigestCache } from '../system/file-digest.ts'
import { prepareFolders, stateFolder, type StateFolders } from '../system/folders.ts'
import { LinuxProcessMeter } from '../system/linux-process-meter.ts'
import { SystemClock } from '../system/system-clock.ts'
import type { WorkerRegistry } from '../system/worker-registry.ts'
import { createMemoryMeter } from './memory.ts'
import { packageVersion } from './version.ts'

/** Engines may use one context each at a time on a CPU: a second one would only halve the speed of both. */
const CPU_PARALLEL = 1

/** Everything connected: the only place where rooms meet. */
export interface App {
  readonly folders: StateFolders
  readonly catalog: FileCatalog
  readonly manager: Manager
  readonly instanceId: string
  readonly version: string
  /** Ends engines and timers; what is being served may finish within `graceMs`. */
  close(graceMs: number): Promise<void>
}

export interface ComposeOptions {
  readonly config: Config
  readonly folders: StateFolders
  readonly onDecision?: (entry: JournalEntry) => void
  /** Remembers engine processes for the next start; only the one daemon of a state folder has it. */
  readonly workers?: WorkerRegistry
  /** Faults that hurt no request; they belong into the log. */
  readonly onFault: (error: unknown) => void
}

export function foldersOf(config: Config): Promise<StateFolders> {
  const { homeHint, userHome, xdgDataHome, localAppData } = config
  const { platform } = process
  return prepareFolders(stateFolder({ platform, homeFolder: userHome, grymHome: homeHint, xdgDataHome, localAppData }))
}

/** Where models are looked for, grym's own folder first. */
export async function openCatalog(
  config: Config,
  folders: StateFolders,
): Promise<{ catalog: FileCatalog; learned: LearnedFootprints }> {
  const learned = await LearnedFootprints.open(join(folders.state, 'footprints.json'))
  const catalog = new FileCatalog({
    clock: new SystemClock(),
    folders: [folders.models, ...config.modelFolders],
    digests: new DigestCache(join(folders.state, 'digests.json')),
    metadata: new MetadataCache(join(folders.cache, 'gguf-metadata.json')),
    learned,
    defaultModel: config.defaultModel,
    contextTokens: config.contextTokens,
    parallel: CPU_PARALLEL,
    batchTokens: BATCH_TOKENS,
    idleTimeoutMs: config.idleTimeoutMs,
  })
  return { catalog, learned }
}

export async function compose({ config, folders, workers, onDecision, onFault }: ComposeOptions): Promise<App> {
  const clock = new SystemClock()
  const cores = usableCores()
  const { catalog, learned } = await openCatalog(config, folders)
  // Asked only once the manager runs.
  let hasRoom = (): boolean => false
  const provider = new EmbeddedProvider({
    clock,
    processMeter: new LinuxProcessMeter(),
    weights: catalog,
    cores,
    compileCacheFolder: join(folders.cache, 'compiled'),
    onSpawned: (pid) => void workers?.add(pid).catch(onFault),
    onExited: (pid) => void workers?.remove(pid).catch(onFault),
    maySpare: () => hasRoom(),
  })
  const identity = { version: packageVersion(), instanceId: randomUUID(), pid: process.pid, cores }
  let isGenerating = (): boolean => false
  const meter = createMemoryMeter(() => isGenerating())
  const manager = await Manager.start({
    clock,
    providers: { local: provider },
    catalog,
    meter,
    settings: { ...config.settings, limits: { ...config.settings.limits, maxBusyEngines: cores } },
    identity,
    newRequestId: () => `req_${randomUUID()}`,
    ...(onDecision && { onDecision }),
    onFootprint: ({ engineKey, contextTokens, parallel }, footprint) => {
      if (footprint.source !== 'measured') return
      void learned.learn({ engineKey, contextTokens, parallel }, footprint.bytes).catch(onFault)
    },
    onFault,
  })
  isGenerating = () => manager.status().queue.running > 0
  hasRoom = () => manager.status().pressureRatio < config.settings.limits.memoryThreshold / 2
  return { folders, catalog, manager, ...identity, close: (graceMs) => manager.close(graceMs) }
}
