import { type Config } from '../config/config.ts'
import { urlOf } from '../config/listen-address.ts'
import { buildGateway } from '../gateway/gateway.ts'
import type { Health } from '../gateway/health-routes.ts'
import type { PullProgress } from '../models/pull.ts'
import { resourceError } from '../spec/errors.ts'
import { removeDaemonFile, writeDaemonFile } from '../system/daemon-file.ts'
import { takeInstanceLock } from '../system/instance-lock.ts'
import { WorkerRegistry } from '../system/worker-registry.ts'
import { type App, compose, foldersOf } from './compose.ts'
import { ensureDefaultModel } from './default-model.ts'
import { hasLog, openLog } from './log.ts'
import { packageVersion } from './version.ts'

/** How long what is being served may go on after the daemon was asked to end. */
const DRAIN_MS = 6_000

export interface ServeOptions {
  readonly config: Config
  /** The port is open; requests may have to wait for the model still. */
  readonly onListening: (url: string) => void
  readonly onPullProgress: (progress: PullProgress) => void
  /** Something a person should know and that stops nothing. */
  readonly onNotice: (text: string) => void
  readonly onReady: (url: string, isFirstStart: boolean) => void
  /** Aborts when the daemon should end. */
  readonly signal: AbortSignal
}

/** Runs the daemon until `signal` aborts. Rejects when it cannot start, and leaves nothing behind then. */
export async function serve(options: ServeOptions): Promise<void> {
  const { config, signal } = options
  const folders = await foldersOf(config)
  const lock = await takeInstanceLock(folders.home)
  const isFirstStart = !hasLog(folders.logs)
  const log = openLog(folders.logs, config.logLevel)
  let app: App | undefined
  let health: Health = { status: 'starting', step: 'opening the port', percent: 0 }
  const instance = { id: '' }
  const gateway = buildGateway({
    manager: () => (health.status === 'ok' || health.status === 'draining' ? app?.manager : undefined),
    health: () => health,
    instanceId: () => instance.id,
    allowedHosts: [...config.http.allowedHosts, ...listenedHost(config)],
    maxBodyBytes: config.http.maxBodyBytes,
    keepAliveAfterMs: config.http.keepAliveAfterMs,
    logger: log,
  })
  try {
    const url = await listen(gateway, config)
    const version = packageVersion()
    await writeDaemonFile(folders.home, { pid: process.pid, url, version, startedAtMs: Date.now() })
    options.onListening(url)
    health = { status: 'starting', step: 'finding models', percent: 0 }
    const workers = new WorkerRegistry(folders.state)
    await workers.reap()
    app = await compose({
      config,
      folders,
      workers,
      onDecision: (entry) => log.debug(entry, 'decision'),
      onFault: (error) => log.error({ err: error }, 'fault'),
    })
    instance.id = app.instanceId
    await ensureDefaultModel({
      config,
      folders,
      catalog: app.catalog,
      signal,
      onNotice: options.onNotice,
      onProgress: (progress) => {
        const percent = Math.floor((100 * progress.receivedBytes) / Math.max(1, progress.totalBytes))
        health = { status: 'starting', step: `downloading ${config.defaultModel}`, percent }
        options.onPullProgress(progress)
      },
    })
    health = { status: 'ok', version }
    options.onReady(url, isFirstStart)
    await aborted(signal)
    health = { status: 'draining' }
  } finally {
    await app?.close(DRAIN_MS)
    await gateway.close()
    await removeDaemonFile(folders.home)
    lock.release()
  }
}

async function listen(gateway: ReturnType<typeof buildGateway>, config: Config): Promise<string> {
  const { host, port } = config.listen
  try {
    await gateway.listen({ host, port })
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'EADDRINUSE') {
      const message = `Another program listens on ${host}:${port}. Choose another port with --port or GRYM_HOST.`
      throw resourceError('port-in-use', message, { cause: error })
    }
    if (code === 'EACCES' || code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
      const message = `${host}:${port} cannot be listened on (${code}). Choose another address with --host, --port or GRYM_HOST.`
      throw resourceError('invalid-request', message, { cause: error })
    }
    throw error
  }
  const address = gateway.server.address()
  return urlOf({ host, port: typeof address === 'object' && address ? address.port : port })
}

/** A daemon that listens on a certain address serves requests that name it; on all addresses they must be allowed. */
function listenedHost({ listen: { host } }: Config): string[] {
  return host === '0.0.0.0' || host === '::' ? [] : [host]
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
