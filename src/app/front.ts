import { rmSync } from 'node:fs'
import type { Socket } from 'node:net'
import type { FastifyBaseLogger } from 'fastify'
import { codeOf } from '../spec/error-code.ts'
import type { Config } from '../config/config.ts'
import { type ListenAddress, urlOf } from '../config/listen-address.ts'
import { addressesOf, type Listeners } from '../config/listeners.ts'
import { furtherServer } from '../gateway/further-listener.ts'
import { buildGateway } from '../gateway/gateway.ts'
import type { Health } from '../gateway/health-routes.ts'
import { KeyRing } from '../gateway/key-ring.ts'
import { resourceError } from '../spec/errors.ts'
import { daemonFilePath, removeDaemonFile, writeDaemonFile } from '../system/daemon-file.ts'
import { daemonTokenPath, newDaemonToken, removeDaemonToken, writeDaemonToken } from '../system/daemon-token.ts'
import type { StateFolders } from '../system/folders.ts'
import type { App } from './compose.ts'
import { type FurtherListeners, openFurther } from './further-listeners.ts'
import { packageVersion } from './version.ts'

export interface FrontOptions {
  readonly config: Config
  readonly folders: StateFolders
  readonly listeners: Listeners
  readonly log: FastifyBaseLogger
  readonly health: () => Health
  /** Absent until everything is connected. */
  readonly app: () => App | undefined
  /** Do open connections keep the process alive? A daemon's do, a library's do not. */
  readonly holdsProcess: boolean
}

/** The open port of an instance, and the file by which others of the same state folder find it. */
export interface Front {
  readonly url: string
  /** Further ways in: `http://host:port`, `unix:/path`. */
  readonly furtherUrls: readonly string[]
  close(): Promise<void>
  /** The same at once, for a process that is about to end. */
  closeNow(): void
}

/** Opens the port and says where it is. Rejects with `port-in-use` and `invalid-request`. */
export async function openFront(options: FrontOptions): Promise<Front> {
  const { config, folders, log, health, app, holdsProcess } = options
  const { listen, furtherListeners } = options.listeners
  const token = newDaemonToken()
  const keys = new KeyRing(config.keys, token)
  const isServing = (): boolean => health().status !== 'starting'
  const gateway = buildGateway({
    services: () => (isServing() ? app() : undefined),
    keeps: (owner) => app()?.keeps(owner) ?? false,
    keyDefaults: (owner) => keys.defaultsOf(owner),
    admit: (headers) => keys.admit(headers),
    health,
    instanceId: () => app()?.instanceId ?? '',
    allowedHosts: [...config.http.allowedHosts, ...addressesOf(options.listeners).flatMap(listenedHost)],
    maxBodyBytes: config.http.maxBodyBytes,
    keepAliveAfterMs: config.http.keepAliveAfterMs,
    logger: log,
  })
  const { server } = gateway
  if (!holdsProcess) server.on('connection', (socket: Socket) => socket.unref())
  let further: FurtherListeners = { urls: [], close: () => {} }
  const close = async (): Promise<void> => {
    further.close()
    await gateway.close()
    await removeDaemonFile(folders.home)
    await removeDaemonToken(folders.home)
  }
  try {
    await gateway.listen({ ...listen })
    if (!holdsProcess) server.unref()
    const address = server.address()
    const url = urlOf({ host: listen.host, port: typeof address === 'object' && address ? address.port : listen.port })
    further = await openFurther(furtherListeners, () => furtherServer(gateway))
    await writeDaemonToken(folders.home, token)
    await writeDaemonFile(folders.home, { pid: process.pid, url, version: packageVersion(), startedAtMs: Date.now() })
    return {
      url,
      furtherUrls: further.urls,
      close,
      closeNow() {
        further.close()
        server.close()
        server.closeAllConnections()
        rmSync(daemonFilePath(folders.home), { force: true })
        rmSync(daemonTokenPath(folders.home), { force: true })
      },
    }
  } catch (error) {
    further.close()
    await gateway.close()
    throw asListenError(error, listen)
  }
}

/** A daemon that listens on a certain address serves requests that name it; on all addresses they must be allowed. */
function listenedHost({ host }: ListenAddress): string[] {
  return host === '0.0.0.0' || host === '::' ? [] : [host]
}

function asListenError(error: unknown, { host, port }: ListenAddress): unknown {
  const code = codeOf(error)
  if (code === 'EADDRINUSE') {
    const message = `Another program listens on ${host}:${port}. Choose another port with --port or GRYM_HOST.`
    return resourceError('port-in-use', message, { cause: error })
  }
  if (code === 'EACCES' || code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    const message = `${host}:${port} cannot be listened on (${code}). Choose another address with --host, --port or GRYM_HOST.`
    return resourceError('invalid-request', message, { cause: error })
  }
  return error
}
