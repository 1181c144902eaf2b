import type { Server } from 'node:http'
import { pino } from 'pino'
import { buildGateway, type GatewayOptions } from '../../src/gateway/gateway.ts'
import type { ScriptedManager } from '../../src/testing/scripted-manager.ts'
import { ScriptedServices } from '../../src/testing/scripted-services.ts'

/** A gateway on a free port of loopback over a manager that the test conducts. */
export class ServedManager implements AsyncDisposable {
  readonly services: ScriptedServices
  readonly manager: ScriptedManager
  readonly url: string
  readonly server: Server
  readonly #close: () => Promise<void>

  private constructor(services: ScriptedServices, url: string, app: ReturnType<typeof buildGateway>) {
    this.services = services
    this.manager = services.manager
    this.url = url
    this.server = app.server
    this.#close = () => app.close()
  }

  /** @param changes of the gateway's options; a number is `keepAliveAfterMs`. */
  static async start(changes: number | Partial<GatewayOptions> = {}): Promise<ServedManager> {
    const services = new ScriptedServices()
    const app = buildGateway({
      services: () => services,
      keeps: () => true,
      keyDefaults: () => ({}),
      health: () => ({ status: 'ok', version: '1.2.3' }),
      instanceId: () => 'here',
      allowedHosts: [],
      maxBodyBytes: 1_000_000,
      keepAliveAfterMs: 10_000,
      logger: pino({ level: 'silent' }),
      ...(typeof changes === 'number' ? { keepAliveAfterMs: changes } : changes),
    })
    const url = await app.listen({ host: '127.0.0.1', port: 0 })
    return new ServedManager(services, url, app)
  }

  chat(body: object, signal?: AbortSignal): Promise<Response> {
    const messages = [{ role: 'user', content: 'hi' }]
    const init = { method: 'POST', body: JSON.stringify({ messages, ...body }), ...(signal && { signal }) }
    return fetch(`${this.url}/v1/chat/completions`, init)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close()
  }
}
