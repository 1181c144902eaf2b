import { once } from 'node:events'
import type { Server } from 'node:http'
import { codeOf } from '../spec/error-code.ts'
import { type ListenAddress, urlOf } from '../config/listen-address.ts'
import { listenerText, type SocketAddress } from '../config/listeners.ts'
import { resourceError } from '../spec/errors.ts'
import { listenOnSocket } from './local-socket.ts'

/** Ways in beside the first. */
export interface FurtherListeners {
  /** `http://host:port` and `unix:/path`. */
  readonly urls: readonly string[]
  /** At once: who is being served is cut off. */
  close(): void
}

/** Opens all of them or none. Rejects with `port-in-use` and `invalid-request`. */
export async function openFurther(
  listeners: readonly (ListenAddress | SocketAddress)[],
  makeServer: () => Server,
): Promise<FurtherListeners> {
  const servers: Server[] = []
  const close = (): void => {
    for (const server of servers) {
      server.close()
      server.closeAllConnections()
    }
  }
  try {
    const urls: string[] = []
    for (const listener of listeners) {
      const server = makeServer()
      servers.push(server)
      urls.push(await open(server, listener))
    }
    return { urls, close }
  } catch (error) {
    close()
    throw error
  }
}

async function open(server: Server, listener: ListenAddress | SocketAddress): Promise<string> {
  if ('socketPath' in listener) {
    await listenOnSocket(server, listener.socketPath)
    return listenerText(listener)
  }
  try {
    const listening = once(server, 'listening')
    server.listen({ ...listener })
    await listening
  } catch (error) {
    const code = codeOf(error) ?? String(error)
    const where = listenerText(listener)
    if (code === 'EADDRINUSE') {
      const message = `Another program listens on ${where}. Stop it, or take that address out of \`listen\`.`
      throw resourceError('port-in-use', message, { cause: error })
    }
    const message = `${where} cannot be listened on (${code}). Correct \`listen\` in grym.yaml.`
    throw resourceError('invalid-request', message, { cause: error })
  }
  const address = server.address()
  return urlOf({ host: listener.host, port: typeof address === 'object' && address ? address.port : listener.port })
}
