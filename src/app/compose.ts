import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { Config } from '../config/config.ts'
import { applyChange } from '../config/configure.ts'
import { ModelContexts } from '../context/model-contexts.ts'
import { Manager } from '../manager/manager.ts'
import { FileCatalog } from '../models/catalog.ts'
import type { CatalogSettings } from '../models/catalog-settings.ts'
import { EngineCatalog } from '../models/engine-catalog.ts'
import { LearnedFootprints } from '../models/learned-footprints.ts'
import { MetadataCache } from '../models/metadata-cache.ts'
import { BATCH_TOKENS, EmbeddedProvider, GPU_BATCH_TOKENS } from '../providers/embedded/embedded-provider.ts'
import type { ModelCatalog } from '../spec/catalog.ts'
import { type ConversationArchive } from '../spec/conversations.ts'
import { LOCAL_OWNER, type OwnerId } from '../spec/owner-id.ts'
import { restoreWords } from '../spec/restore-words.ts'
import type { StateOwner } from '../spec/restored-state.ts'
import { toErrorData } from '../spec/errors.ts'
import type { GpuBackend } from '../spec/gpu.ts'
import type { JournalEntry } from '../spec/journal.ts'
import type { ServedServices } from '../spec/services.ts'
import type { Settings } from '../spec/settings.ts'
import { usableCores } from '../system/cpu-cores.ts'
import { DigestCache } from '../system/file-digest.ts'
import { prepareFolders, type StateFolders } from '../system/folders.ts'
import { SystemClock } from '../system/system-clock.ts'
import type { WorkerRegistry } from '../system/worker-registry.ts'
import { catalogSettings, pinnedNames } from './catalog-settings.ts'
import { countOrGuess } from './count-or-guess.ts'
import { connectEngines } from './engines.ts'
import { engineLogsOf } from './engine-logs.ts'
import { enginesFolderOf, installedBackendsOf } from './engine-packages.ts'
import { type BackendChoice, chooseBackend } from './gpu-backend.ts'
import { createGpuMeter } from './gpus.ts'
import { ForgottenStates } from './forgotten-states.ts'
import { keptStates } from './kept-states.ts'
import { createMemoryMeter } from './memory.ts'
import { modelLibrary } from './model-library.ts'
import { openConversations, openHistory } from './open-state.ts'
import { keepWithinCaps, openAppStates } from './state-cache.ts'
import { createProcessMeter } from './processes.ts'
import { packageVersion } from './version.ts'

/** How often what is too old or too much is looked for among conversations that nobody touches. */
const SWEEP_INTERVAL_MS = 3_600_000

/** How often it is looked which engines are installed. */
const BACKEND_WATCH_MS = 10_000

/** Everything connected: the only place where rooms meet. */
export interface App extends ServedServices {
  readonly folders: StateFolders
  /** The files alone: what can be added, located and deleted. */
  readonly files: FileCatalog
  readonly catalog: EngineCatalog
  readonly manager: Manager
  readonly instanceId: string
  readonly version: string
  /** The configuration in force. */
  config(): Config
  /** What `configuration.configure` does, at once. Throws `config-invalid`; then nothing has changed. */
  applyConfiguration(change: unknown): void
  /** Are conversations of this owner kept? */
  keeps(owner: OwnerId): boolean
  /** Ends engines and timers; what is being served may finish within `graceMs`. */
  close(graceMs: number): Promise<void>
  /** The same without waiting for answers: what engines hold of conversations is saved within 1.5 s, and nothing else. Never rejects. */
  destroy(): Promise<void>
}

export interface ComposeOptions {
  readonly config: Config
  readonly folders: StateFolders
  readonly onDecision?: (entry: JournalEntry) => void
  /** The configuration was changed while it runs. */
  readonly onConfigured?: (config: Config) => void
  /** An answer went on from a state on disk: a line for the log. */
  readonly onRestored?: (text: string) => void
  /** Something a person should know and that stops nothing. */
  readonly onNotice?: (text: string) => void
  /** Put around the catalog, for example to get a model that is not here. */
  readonly wrapCatalog?: (catalog: EngineCatalog) => ModelCatalog
  /** Remembers engine processes for the next start; only the one owner of a state folder has it. */
  readonly workers?: WorkerRegistry
  /** Faults that hurt no request; they belong into the log. */
  readonly onFault: (error: unknown) => void
}

export function foldersOf({ home }: Config): Promise<StateFolders> {
  return prepareFolders(home)
}

/** Where models are looked for, grym's own folder first. */
export async function openCatalog(
  config: Config,
  folders: StateFolders,
  inForce: () => Config = () => config,
): Promise<{ catalog: FileCatalog; learned: LearnedFootprints; metadata: MetadataCache; digests: DigestCache }> {
  const learned = await LearnedFootprints.open(join(folders.state, 'footprints.json'))
  const digests = new DigestCache(join(folders.state, 'digests.json'))
  const metadata = new MetadataCache(join(folders.cache, 'gguf-metadata.json'))
  const catalog = new FileCatalog({
    clock: new SystemClock(),
    folders: [folders.models, ...config.modelFolders],
    ollamaFolders: config.ollamaFolders,
    digests,
    metadata,
    learned,
    batchTokens: BATCH_TOKENS,
    gpuBatchTokens: GPU_BATCH_TOKENS,
    settings: () => catalogSettings(inForce(), folders),
  })
  return { catalog, learned, metadata, digests }
}

export async function compose(options: ComposeOptions): Promise<App> {
  const { config, folders, workers, onDecision, onFault } = options
  const clock = new SystemClock()
  const cores = usableCores()
  let inForce = config
  const { catalog: files, learned, metadata, digests } = await openCatalog(config, folders, () => inForce)
  const onSetAside = (path: string, asidePath: string): void =>
    options.onNotice?.(`${path} could not be read and is now ${asidePath}. A new one was begun.`)
  const journal = await openHistory(config, folders, { onFault, onSetAside })
  // What is removed before the cache is open is found missing when it opens.
  const forgotten = new ForgottenStates(onFault)
  const onRemoved = (id: string): void => forgotten.note(id)
  const store = await openConversations(config, folders, { onFault, onSetAside, onRemoved })
  const states = await openAppStates({
    ...{ config, folders, inForce: () => inForce, isThere: (id: string) => store.has(id), onFault },
    onNotice: (text) => options.onNotice?.(text),
  })
  const { keeper } = states
  if (keeper) forgotten.begin(keeper)
  const keeps = (owner: OwnerId): boolean =>
    inForce.conversations.keep && !inForce.conversations.exceptKeys.includes(owner)
  const isKept = ({ owner, conversationId }: StateOwner): boolean =>
    keeps(owner) && (conversationId === undefined || store.has(conversationId))
  const stateCache = keeper && keptStates(keeper, isKept)
  const closeState = (): void => {
    journal.close()
    store.close()
  }
  // Asked only once the manager runs.
  let hasRoom = (): boolean => false
  let isGenerating = (): boolean => false
  const gpus = createGpuMeter(config)
  const findBackend = async (): Promise<BackendChoice> =>
    chooseBackend(inForce.gpu, await installedBackendsOf(folders), await gpus.read())
  let { backend: gpuBackend } = await findBackend()
  const processes = {
    processMeter: createProcessMeter(),
    onSpawned: (pid: number) => void workers?.add(pid).catch(onFault),
    onExited: (pid: number) => void workers?.remove(pid).catch(onFault),
  }
  const provider = new EmbeddedProvider({
    clock,
    ...processes,
    weights: files,
    cores,
    compileCacheFolder: join(folders.cache, 'compiled'),
    enginesFolder: enginesFolderOf(folders),
    mayUseGpus: () => gpuBackend !== null,
    maySpare: () => hasRoom(),
    ...(stateCache && { stateCache }),
    digestOf: (path) => digests.sha256(path),
  })
  const identity = { version: packageVersion(), instanceId: randomUUID(), pid: process.pid, cores }
  const engines = connectEngines({
    config,
    clock,
    instanceId: identity.instanceId,
    cores,
    watchIntervalMs: () => inForce.settings.sampling.intervalMs,
    idleTimeoutMs: () => inForce.idleTimeoutMs,
    ...processes,
    ...(stateCache && {
      slotStates: {
        cache: stateCache,
        digestOf: (path: string) => digests.sha256(path),
        onFault,
        folder: join(folders.cache, 'slots'),
      },
    }),
  })
  const providers = { local: provider, ...engines.providers }
  const settings = (): CatalogSettings => catalogSettings(inForce, folders)
  const catalog = new EngineCatalog({ files, engines: engines.models, learned, metadata, settings })
  const asked = options.wrapCatalog?.(catalog) ?? catalog
  const manager = await Manager.start({
    clock,
    providers,
    catalog: asked,
    meter: createMemoryMeter(gpus, () => isGenerating()),
    settings: settingsOf(config, cores, gpuBackend),
    identity,
    conversations: store,
    stateCache: keeper,
    conversationsOf: async (modelId) => conversationsOf(store, modelId),
    lastEventId: journal.lastEventId(),
    newRequestId: () => `req_${randomUUID()}`,
    ...(onDecision && { onDecision }),
    onFootprint: ({ engineKey, contextTokens, parallel, engine: { kvType, batchTokens } }, footprint) => {
      if (footprint.source !== 'measured') return
      void learned.learn({ engineKey, contextTokens, parallel, kvType, batchTokens }, footprint.bytes).catch(onFault)
    },
    onFault,
  }).catch((error: unknown) => {
    void keeper?.close().catch(onFault)
    closeState()
    throw error
  })
  isGenerating = () => manager.status().queue.running > 0
  hasRoom = () => manager.status().pressureRatio < inForce.settings.limits.memoryThreshold / 2
  const stopNoting = manager.subscribe(undefined, (event) => {
    journal.note(event)
    if (event.type !== 'requestFinished' || !event.data.restored) return
    const { modelId, restored, promptTokens } = event.data
    options.onRestored?.(`${modelId}: ${restoreWords(restored, promptTokens)}`)
  })
  const sweep = setInterval(() => {
    void store.sweep(clock.nowMs()).catch(onFault)
    if (keeper) void keepWithinCaps(keeper, onFault)
  }, SWEEP_INTERVAL_MS)
  sweep.unref()
  /** An engine that was installed or removed meanwhile, or a person's other wish, takes effect with the next load. */
  const watchBackend = async (): Promise<void> => {
    const found = await findBackend()
    if (found.backend === gpuBackend) return
    gpuBackend = found.backend
    manager.configure(settingsOf(inForce, cores, gpuBackend))
    options.onNotice?.(`Models are computed on ${gpuBackend ?? 'the CPU alone'} from now on: ${found.why}.`)
  }
  const backendWatch = setInterval(() => void watchBackend().catch(onFault), BACKEND_WATCH_MS)
  backendWatch.unref()
  await pinAll(manager, pinnedNames(config), options.onNotice)

  const applyConfiguration = (change: unknown): void => {
    inForce = applyChange(inForce, change)
    manager.configure(settingsOf(inForce, cores, gpuBackend))
    void watchBackend().catch(onFault)
    const { maxCount, maxBytes, maxAgeMs } = inForce.conversations
    store.setLimits({ maxConversations: maxCount, maxBytes, maxAgeMs })
    journal.setLimits(inForce.journal)
    if (keeper) void keepWithinCaps(keeper, onFault)
    options.onConfigured?.(inForce)
  }
  const end = async (ended: Promise<void>): Promise<void> => {
    clearInterval(sweep)
    clearInterval(backendWatch)
    await ended
    stopNoting()
    await forgotten.settled()
    await keeper?.close().catch(onFault)
    closeState()
  }
  return {
    folders,
    files,
    catalog,
    manager,
    engineLogs: engineLogsOf(asked, providers),
    library: modelLibrary({
      ...{ files, catalog, manager, folders },
      config: () => inForce,
      onNotice: (text) => options.onNotice?.(text),
    }),
    ...identity,
    conversations: {
      list: (query) => store.list(query),
      get: (id) => store.get(id),
      async delete(id) {
        await store.delete(id)
        await forgotten.settled()
      },
      async deleteAll() {
        const deleted = await store.deleteAll()
        await forgotten.settled()
        return deleted
      },
    },
    cache: states.archive,
    responses: store.responses,
    history: journal,
    contexts: new ModelContexts({
      store,
      clock,
      isKept: () => keeps(LOCAL_OWNER),
      countTokens: countOrGuess(manager),
      onFault,
    }),
    applyConfiguration,
    configuration: { configure: async (change) => applyConfiguration(change) },
    config: () => inForce,
    keeps,
    close: (graceMs) => end(manager.close(graceMs)),
    destroy: () => end(manager.destroy()),
  }
}

/** The core's settings: those of the configuration, and what the machine has. */
function settingsOf({ settings, memoryPressure }: Config, cores: number, gpuBackend: GpuBackend | null): Settings {
  return {
    ...settings,
    gpuBackend,
    limits: { ...settings.limits, maxBusyEngines: cores },
    pressure: { warningRatio: memoryPressure.warning },
  }
}

/** As many of a model's conversations its file in the cache names. */
const MOST_NAMED_CONVERSATIONS = 1_000

async function conversationsOf(store: ConversationArchive, modelId: string): Promise<string[]> {
  const conversations = await store.list({ limit: MOST_NAMED_CONVERSATIONS })
  return conversations.filter((conversation) => conversation.modelId === modelId).map(({ id }) => id)
}

/** Pins that do not fit together are told, and the rest holds. */
async function pinAll(
  manager: Manager,
  names: readonly string[],
  onNotice: ((text: string) => void) | undefined,
): Promise<void> {
  for (const name of names) {
    try {
      await manager.pin(name, true)
    } catch (error) {
      onNotice?.(`${name} is not pinned, though the configuration says so. ${toErrorData(error).message}`)
    }
  }
}
