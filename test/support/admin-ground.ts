import { expect } from 'vitest'
import { applyChange } from '../../src/config/configure.ts'
import { loadConfig } from '../../src/config/load-config.ts'
import type { ScriptedManager } from '../../src/testing/scripted-manager.ts'
import type { ScriptedServices } from '../../src/testing/scripted-services.ts'
import { ServedManager } from './served-manager.ts'

export interface Refusal {
  readonly status: number
  readonly reason: string
  readonly message: string
  readonly param: string | null
}

/** A client of the admin routes over services that the test conducts. */
export class AdminGround implements AsyncDisposable {
  readonly #served: ServedManager

  private constructor(served: ServedManager) {
    this.#served = served
  }

  static async start(): Promise<AdminGround> {
    return new AdminGround(await ServedManager.start())
  }

  get services(): ScriptedServices {
    return this.#served.services
  }

  get manager(): ScriptedManager {
    return this.#served.manager
  }

  /** From now on changes of the configuration are judged by the real rules. */
  judgeChanges(): void {
    const { services } = this
    const config = loadConfig({ env: {}, flags: {}, workingFolder: '/nowhere' })
    services.configuration.configure = async (change) => {
      applyChange(config, change)
      services.calls.push(['configure', change])
    }
  }

  /** What a call gave that is to succeed. */
  async answer(method: string, path: string, body?: unknown): Promise<unknown> {
    const response = await this.send(method, path, body)
    const json: unknown = await response.json()
    expect([response.status, json]).toEqual([200, json])
    return json
  }

  /** The error of a call that is to fail. */
  async refusal(method: string, path: string, body?: unknown): Promise<Refusal> {
    const response = await this.send(method, path, body)
    const { error } = (await response.json()) as { error: Omit<Refusal, 'status'> }
    return { status: response.status, reason: error.reason, message: error.message, param: error.param }
  }

  /** `undefined` sends no body. */
  send(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
    const content = body === undefined ? {} : { body: JSON.stringify(body) }
    return fetch(`${this.#served.url}${path}`, { method, ...content, ...(signal && { signal }) })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#served[Symbol.asyncDispose]()
  }
}
