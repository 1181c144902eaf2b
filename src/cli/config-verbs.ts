import type { BareContext } from './context.ts'
import type { VerbMaker } from './state-verbs.ts'

export interface ConfigVerbMaker extends VerbMaker {
  /** Runs what must work with a configuration that does not. */
  readonly runsBare: (
    act: (context: BareContext, ...values: never[]) => Promise<void>,
  ) => (...args: unknown[]) => Promise<void>
}

/** The verbs that look at the configuration. */
export function addConfigVerbs({ verb, runs, runsBare }: ConfigVerbMaker): void {
  const group = verb('config', 'What is configured, and from where.', 'grym config show --origin')
  verb('show', 'Every option with the value in force.', 'grym config show --origin', group)
    .option('--origin', 'say who set each value')
    .action(
      runs(async (context, options: { readonly origin?: boolean }) =>
        (await import('./verbs/config.ts')).configShowVerb(context, options),
      ),
    )
  verb('check [file]', 'Look at a whole file for what is wrong.', 'grym config check ./grym.yaml', group).action(
    runsBare(async (context, file: string | undefined) =>
      (await import('./verbs/config.ts')).configCheckVerb(context, file),
    ),
  )
}
