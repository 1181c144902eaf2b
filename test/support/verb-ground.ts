import { vi } from 'vitest'
import type { Context } from '../../src/cli/context.ts'
import { Terminal } from '../../src/cli/terminal.ts'
import { GrymClient } from '../../src/client/grym-client.ts'
import type { Config } from '../../src/config/config.ts'
import { StateServer } from './state-server.ts'

/** A verb's context over a {@link StateServer}, and what the verb wrote. */
export class VerbGround implements AsyncDisposable {
  readonly server: StateServer
  readonly context: Context
  stdout = ''
  stderr = ''
  readonly #restore: () => void

  private constructor(server: StateServer, isJson: boolean) {
    this.server = server
    const client = new GrymClient(server.url)
    this.context = {
      terminal: new Terminal(isJson),
      config: { defaultModel: 'tiny', origins: { listen: 'default' } } as unknown as Config,
      signal: new AbortController().signal,
      client: async () => client,
      runningClient: async () => client,
    }
    const spies = (['stdout', 'stderr'] as const).map((name) =>
      vi.spyOn(process[name], 'write').mockImplementation((text) => {
        this[name] += String(text)
        return true
      }),
    )
    this.#restore = () => {
      for (const spy of spies) spy.mockRestore()
    }
  }

  static async start({ isJson = false }: { readonly isJson?: boolean } = {}): Promise<VerbGround> {
    return new VerbGround(await StateServer.start(), isJson)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#restore()
    await this.server[Symbol.asyncDispose]()
  }
}
