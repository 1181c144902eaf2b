import { resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Agent, buildConnector, fetch as undiciFetch } from 'undici'
import { GrymClient } from '../client/grym-client.ts'
import { RemoteServices } from '../client/remote-services.ts'
import type { Config } from '../config/config.ts'
import type { ModelCatalog } from '../spec/catalog.ts'
import { LOCAL_OWNER } from '../spec/owner-id.ts'
import { describeDecision } from '../spec/decision-words.ts'
import { ResourceError, resourceError, toErrorData } from '../spec/errors.ts'
import type { ModelId } from '../spec/model.ts'
import type { GrymServices } from '../spec/services.ts'
import type { StateFolders } from '../system/folders.ts'
import { holdProcess } from '../system/hold-process.ts'
import { type InstanceLock, takeInstanceLock } from '../system/instance-lock.ts'
import { WorkerRegistry } from '../system/worker-registry.ts'
import { SMOLLM2 } from '../models/smollm2.ts'
import { type App, compose, foldersOf } from './compose.ts'
import { ensureDefaultModel } from './default-model.ts'
import { openFront } from './front.ts'
import { libraryConfig } from './library-config.ts'
import { openLog } from './log.ts'
import { readRunningDaemon, type RunningDaemon } from './running-daemon.ts'
import { packageVersion } from './version.ts'

/**
 * `auto`: the running daemon of the state folder, else an instance in this process; `connect`: only a running one;
 * `embedded`: only one in this process.
 */
export type LibraryMode = 'auto' | 'connect' | 'embedded'

export interface LibraryOptions {
  /** State folder; wins over `GRYM_HOME`. */
  readonly home?: string | undefined
  readonly mode: LibraryMode
  /** Calls of `configure()` before this, in order. */
  readonly changes: readonly unknown[]
}

/** What a library works with: an instance of grym, wherever it runs. */
export interface Library {
  readonly services: GrymServices
  /** True when the instance runs in this process. */
  readonly isEmbedded: boolean
  /** Changes the configuration; in this process at once. Throws or rejects with `config-invalid`. */
  configure(change: unknown): void | Promise<void>
  /** Are conversations of this process kept? Where another one serves, that one decides. */
  keeps(): boolean
  /** A file named by its path becomes a model; returns its id. Rejects with `invalid-model-id` where another process serves. */
  addFile(path: string): Promise<ModelId>
  /**
   * At once no call is answered any more, and no neighbour finds it. What engines hold of conversations is saved then, which
   * keeps the process alive for 1.5 s at the most; an instance of the same state folder begins afterwards.
   */
  destroy(): void
}

/** Instances of this process that are ending, by their state folders. */
const endings = new Map<string, Promise<void>>()

/** How long to wait for another process that took the state folder to say where it is. */
const NEIGHBOUR_WAIT_MS = 5_000
const NEIGHBOUR_LOOK_MS = 50
/** A library's own port: any free one of loopback. */
const ANY_PORT = { listen: { host: '127.0.0.1', port: 0 }, furtherListeners: [] }

/** One ledger for one machine: whoever owns the state folder manages its models, and everybody else asks it. */
export async function openLibrary({ home, mode, changes }: LibraryOptions): Promise<Library> {
  const config = libraryConfig(home, changes)
  const folders = await foldersOf(config)
  await endings.get(folders.home)
  if (mode !== 'embedded') {
    const daemon = await readRunningDaemon(folders.home)
    if (daemon) return connect(daemon, changes)
  }
  if (mode === 'connect') {
    const message = `No daemon of ${folders.home} answers. Start one with \`grym serve\`, or use mode 'auto'.`
    throw resourceError('daemon-unreachable', message)
  }
  try {
    return await embed(config, folders, await takeInstanceLock(folders.home))
  } catch (error) {
    if (mode === 'embedded' || !(error instanceof ResourceError) || error.reason !== 'instance-running') throw error
    const next = await neighbour(folders.home, error)
    return 'url' in next ? connect(next, changes) : embed(config, folders, next)
  }
}

/** Another process took the state folder a moment ago and has not opened its port yet, or closed its port and lets go of it. */
async function neighbour(home: string, error: ResourceError): Promise<RunningDaemon | InstanceLock> {
  for (let waitedMs = 0; waitedMs < NEIGHBOUR_WAIT_MS; waitedMs += NEIGHBOUR_LOOK_MS) {
    const daemon = await readRunningDaemon(home)
    if (daemon) return daemon
    await delay(NEIGHBOUR_LOOK_MS)
    const lock = await takeInstanceLock(home).catch(ignoreRunning)
    if (lock) return lock
  }
  throw error
}

function ignoreRunning(error: unknown): undefined {
  if (!(error instanceof ResourceError && error.reason === 'instance-running')) throw error
}

async function connect({ url, token }: RunningDaemon, changes: readonly unknown[]): Promise<Library> {
  const calls = new Agent(PATIENT)
  const followers = new Agent({ ...PATIENT, connect: unheldConnector() })
  const client = new GrymClient(url, { fetch: fetchBy(calls), follow: fetchBy(followers), key: token })
  const services = new RemoteServices(client)
  const destroy = (): void => {
    services.destroy()
    void calls.destroy()
    void followers.destroy()
  }
  try {
    for (const change of changes) await services.configuration.configure(change)
  } catch (error) {
    destroy()
    throw error
  }
  return {
    services,
    isEmbedded: false,
    destroy,
    configure: (change) => services.configuration.configure(change),
    keeps: () => true,
    async addFile(path) {
      const message = `${path}: a path is understood only where models are run in this process. Put the file into a folder of GRYM_MODELS, or give it a name in grym.yaml.`
      throw resourceError('invalid-model-id', message)
    },
  }
}

/** A load or a long silence of a model is no broken connection: grym has deadlines of its own for these. */
const PATIENT = { headersTimeout: 0, bodyTimeout: 0 }

function fetchBy(dispatcher: Agent): typeof fetch {
  const by = (input: unknown, init: object | undefined): unknown =>
    undiciFetch(input as string, { ...init, dispatcher })
  return by as typeof fetch
}

/** Connections that do not keep the process alive: listening is no reason to go on. */
function unheldConnector(): ReturnType<typeof buildConnector> {
  const connectTo = buildConnector({})
  return (options, callback) =>
    connectTo(options, (...result) => {
      result[1]?.unref()
      callback(...result)
    })
}

async function embed(config: Config, folders: StateFolders, lock: InstanceLock): Promise<Library> {
  const log = openLog(folders.logs, config.logLevel)
  let app: App | undefined
  try {
    const workers = new WorkerRegistry(folders.state)
    await workers.reap()
    app = await compose({
      config,
      folders,
      workers,
      wrapCatalog: (catalog) => fetchingCatalog(config, folders, catalog, (text) => log.warn(text)),
      onRestored: (text) => log.info(text),
      onDecision(entry) {
        log.debug(entry, 'decision')
        if (app?.config().debug) process.stderr.write(`grym: ${entry.modelId ?? ''} ${describeDecision(entry)}\n`)
      },
      onConfigured: ({ logLevel }) => (log.level = logLevel),
      onNotice: (text) => log.warn(text),
      onFault: (error) => log.error({ err: error }, 'fault'),
    })
    const open = app
    const version = packageVersion()
    const health = { status: 'ok', version } as const
    const options = { config, folders, listeners: ANY_PORT, log, holdsProcess: false }
    const front = await openFront({ ...options, health: () => health, app: () => open }).catch((error: unknown) => {
      // Where no port may be opened this process is served all the same; only its neighbours cannot find it.
      log.warn(`No port could be opened: ${toErrorData(error).message}`)
    })
    return {
      services: open,
      isEmbedded: true,
      configure: (change) => open.applyConfiguration(change),
      keeps: () => open.keeps(LOCAL_OWNER),
      addFile: (path) => open.files.addFile(resolve(path)),
      destroy() {
        const ended = holdProcess(() => open.destroy()).finally(() => {
          // Engines that are ending now are not remembered as gone; the next owner looks for them and finds none.
          workers.close()
          lock.release()
          if (endings.get(folders.home) === ended) endings.delete(folders.home)
        })
        endings.set(folders.home, ended)
        front?.closeNow()
      },
    }
  } catch (error) {
    await app?.destroy()
    lock.release()
    throw error
  }
}

/** A catalog that gets grym's own small model when it is asked for and not here, as a first start of the daemon does. */
function fetchingCatalog(
  config: Config,
  folders: StateFolders,
  catalog: App['catalog'],
  onNotice: (text: string) => void,
): ModelCatalog {
  let fetching: Promise<void> | undefined
  return {
    list: () => catalog.list(),
    about: (name) => catalog.about(name),
    async resolve(name, larger) {
      try {
        return await catalog.resolve(name, larger)
      } catch (error) {
        const { reason, details } = toErrorData(error)
        if (reason !== 'model-not-found' || details?.['name'] !== SMOLLM2.id) throw error
        const { signal } = new AbortController()
        const wanted = { ...config, defaultModel: SMOLLM2.id }
        const options = { config: wanted, folders, catalog, signal, onNotice, onProgress: () => {} }
        fetching ??= ensureDefaultModel(options).finally(() => (fetching = undefined))
        await fetching
        return catalog.resolve(name, larger)
      }
    },
  }
}
