import { resourceError } from '../../spec/errors.ts'
import { givenUp } from '../embedded/given-up.ts'
import { EngineHttp } from '../openai/engine-http.ts'
import { headersOf, ServerConnection, type ServerConnectionOptions } from './server-connection.ts'

/** How long a server may take to say that it is there, ms. */
const REACH_DEADLINE_MS = 10_000

/**
 * Reaches a server that others run. Any reply shows that it is there, but one that refuses the key: `engine-refused`;
 * none is `engine-unreachable`.
 */
export async function openRemote(
  options: Omit<ServerConnectionOptions, 'baseUrl' | 'healthUrl'>,
  signal: AbortSignal,
): Promise<ServerConnection> {
  const { clock, plan, proxies } = options
  const baseUrl = plan.run.kind === 'remote' ? plan.run.url : ''
  const healthUrl = `${baseUrl}/models`
  const http = new EngineHttp({
    engine: plan.title,
    clock,
    headers: headersOf(options),
    ...(proxies !== undefined && { proxies }),
  })
  try {
    const status = await http.status(healthUrl, REACH_DEADLINE_MS, signal)
    if (signal.aborted) throw givenUp()
    if (status === undefined) {
      const message = `Nobody answers at the address of ${plan.title}. Start it, or correct its url in the configuration.`
      throw resourceError('engine-unreachable', message)
    }
    if (status === 401 || status === 403) {
      const message = `${plan.title} refuses the key, or asks for one. Set keyFile or keyVariable of it in the configuration.`
      throw resourceError('engine-refused', message, { details: { status } })
    }
  } finally {
    await http.close()
  }
  return ServerConnection.open({ ...options, baseUrl, healthUrl }, signal)
}
