import type { Config } from '../config/config.ts'
import type { Health } from '../gateway/health-routes.ts'
import type { PullProgress } from '../models/pull.ts'
import { SystemClock } from '../system/system-clock.ts'
import { heapBytes, trimHeap } from '../system/own-heap.ts'
import { takeInstanceLock } from '../system/instance-lock.ts'
import { WorkerRegistry } from '../system/worker-registry.ts'
import { type App, compose, foldersOf } from './compose.ts'
import { ensureDefaultModel } from './default-model.ts'
import { type Front, openFront } from './front.ts'
import { IdleHeap } from './idle-heap.ts'
import { hasLog, openLog } from './log.ts'
import { packageVersion } from './version.ts'

/** How long what is being served may go on after the daemon was asked to end. */
const DRAIN_MS = 6_000

export interface ServeOptions {
  readonly config: Config
  /** The port is open; requests may have to wait for the model still. */
  readonly onListening: (url: string, furtherUrls: readonly string[]) => void
  readonly onPullProgress: (progress: PullProgress) => void
  /** Something a person should know and that stops nothing. */
  readonly onNotice: (text: string) => void
  readonly onReady: (url: string, isFirstStart: boolean) => void
  /** Aborts when the daemon should end. */
  readonly signal: AbortSignal
}

/** Runs the daemon until `signal` aborts. Rejects when it cannot start, and leaves nothing behind then. */
export async function serve(options: ServeOptions): Promise<void> {
  const { config, signal, onNotice } = options
  const folders = await foldersOf(config)
  const lock = await takeInstanceLock(folders.home)
  const isFirstStart = !hasLog(folders.logs)
  const log = openLog(folders.logs, config.logLevel)
  let health: Health = { status: 'starting', step: 'opening the port', percent: 0 }
  let app: App | undefined
  let front: Front | undefined
  let idleHeap: IdleHeap | undefined
  try {
    front = await openFront({
      config,
      folders,
      listeners: config,
      log,
      health: () => health,
      app: () => app,
      holdsProcess: true,
    })
    options.onListening(front.url, front.furtherUrls)
    health = { status: 'starting', step: 'finding models', percent: 0 }
    const workers = new WorkerRegistry(folders.state)
    await workers.reap()
    app = await compose({
      config,
      folders,
      workers,
      onRestored: (text) => log.info(text),
      onDecision: (entry) => log.debug(entry, 'decision'),
      onConfigured: ({ logLevel }) => (log.level = logLevel),
      onNotice,
      onFault: (error) => log.error({ err: error }, 'fault'),
    })
    await ensureDefaultModel({
      config,
      folders,
      catalog: app.catalog,
      signal,
      onNotice,
      onProgress: (progress) => {
        const percent = Math.floor((100 * progress.receivedBytes) / Math.max(1, progress.totalBytes))
        health = { status: 'starting', step: `downloading ${config.defaultModel}`, percent }
        options.onPullProgress(progress)
      },
    })
    health = { status: 'ok', version: packageVersion() }
    options.onReady(front.url, isFirstStart)
    idleHeap = watchHeap(app)
    await aborted(signal)
    health = { status: 'draining' }
  } finally {
    idleHeap?.stop()
    await app?.close(DRAIN_MS)
    await front?.close()
    lock.release()
  }
}

/** The process is the daemon's own: a library's belongs to others, and its heap is left alone. */
function watchHeap({ manager }: App): IdleHeap {
  const isBusy = (): boolean => {
    const { running, waiting } = manager.status().queue
    return running + waiting > 0
  }
  const idleHeap = new IdleHeap({ clock: new SystemClock(), isBusy, heapBytes, trim: trimHeap })
  manager.subscribe(undefined, ({ type }) => {
    if (type === 'requestFinished') idleHeap.noteUse()
  })
  return idleHeap
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
