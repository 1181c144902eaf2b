import { randomBytes } from 'node:crypto'
import { DEFAULT_START_DEADLINE_MS } from '../../spec/server-settings.ts'
import { llamaServerCommand, type LlamaServerCommandOptions } from './llama-server-command.ts'
import { llamaServerFlags } from './llama-server-flags.ts'
import type { ServerPlan } from './server-plan.ts'

export interface LlamaServerPlanOptions extends Omit<LlamaServerCommandOptions, 'knownFlags'> {
  readonly definition: LlamaServerCommandOptions['definition'] & { readonly id: string }
  /** grym's own: it is inherited, but for what llama-server would take its settings from. */
  readonly environment: Readonly<Record<string, string | undefined>>
}

/**
 * How a GGUF file is served by a llama-server of its own. Only who knows its key, made up for this one start, is answered:
 * not every program of this machine, and no page in a browser.
 */
export async function llamaServerPlan(options: LlamaServerPlanOptions): Promise<ServerPlan> {
  const { binary, definition, modelPath, environment } = options
  const key = randomBytes(24).toString('hex')
  const inherited = Object.entries(environment).filter(([name]) => !name.startsWith('LLAMA_'))
  return {
    title: `llama-server for ${definition.id}`,
    model: definition.id,
    engine: 'llama-server',
    key,
    ...(options.stateFolder !== undefined && { stateFolder: options.stateFolder }),
    run: {
      kind: 'command',
      command: llamaServerCommand({ ...options, knownFlags: await llamaServerFlags(binary) }),
      port: 0,
      // A command line is read by everybody on the machine, an environment is not.
      environment: { ...Object.fromEntries(inherited), LLAMA_API_KEY: key },
      healthPath: '/health',
      startDeadlineMs: DEFAULT_START_DEADLINE_MS,
      weightsPath: modelPath,
    },
  }
}
