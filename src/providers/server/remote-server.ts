import { resourceError } from '../../spec/errors.ts'
import { givenUp } from '../giving-up.ts'
import { EngineHttp } from '../openai/engine-http.ts'
import { headersOf, isGood, ServerConnection, type ServerConnectionOptions } from './server-connection.ts'
import { isKeyRefused, keyRefused } from './start-failure.ts'

/** How long a server may take to say that it is there, ms. */
const REACH_DEADLINE_MS = 10_000

/** What the address of an API of OpenAI's ends with, as a rule. */
const VERSION_PATH = '/v1'

/**
 * Reaches a server that others run. Any reply shows that it is there, but one that refuses the key: `engine-refused`;
 * none is `engine-unreachable`, and so is an address where nothing is while there is something at the same with `/v1`.
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
    if (status !== undefined && isKeyRefused(status)) throw keyRefused(plan.title, { path: '/models', status })
    if (status === 404 && (await hasVersionBelow(http, baseUrl, signal))) {
      const message = `The address of ${plan.title} lacks ${VERSION_PATH}: nothing is at ${baseUrl}, and an API at ${baseUrl}${VERSION_PATH}. Set its url to that in the configuration.`
      throw resourceError('engine-unreachable', message, { details: { status } })
    }
  } finally {
    await http.close()
  }
  return ServerConnection.open({ ...options, baseUrl, healthUrl }, signal)
}

/** A 404 alone says little: there are servers without a list of models. */
async function hasVersionBelow(http: EngineHttp, baseUrl: string, signal: AbortSignal): Promise<boolean> {
  const status = await http.status(`${baseUrl}${VERSION_PATH}/models`, REACH_DEADLINE_MS, signal)
  if (signal.aborted) throw givenUp()
  return isGood(status) || isKeyRefused(status)
}
