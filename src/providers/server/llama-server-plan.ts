import { DEFAULT_START_DEADLINE_MS } from '../../spec/server-settings.ts'
import { llamaServerCommand, type LlamaServerCommandOptions } from './llama-server-command.ts'
import type { ServerPlan } from './server-plan.ts'

export interface LlamaServerPlanOptions extends LlamaServerCommandOptions {
  readonly definition: LlamaServerCommandOptions['definition'] & { readonly id: string }
  /** grym's own: it is inherited. */
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** How a GGUF file is served by a llama-server of its own. */
export function llamaServerPlan(options: LlamaServerPlanOptions): ServerPlan {
  const { definition, modelPath, environment } = options
  return {
    title: `llama-server for ${definition.id}`,
    model: definition.id,
    engine: 'llama-server',
    run: {
      kind: 'command',
      command: llamaServerCommand(options),
      port: 0,
      environment,
      healthPath: '/health',
      startDeadlineMs: DEFAULT_START_DEADLINE_MS,
      weightsPath: modelPath,
    },
  }
}
