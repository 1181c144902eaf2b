import { type Command, InvalidArgumentError, Option } from 'commander'
import type { Context } from './context.ts'
import type { DeleteOptions, ExportOptions } from './verbs/conversations.ts'
import type { ExplainOptions } from './verbs/explain.ts'
import type { TraceExportOptions } from './verbs/trace.ts'

export interface VerbMaker {
  /** Makes a verb of the program, or of a group of verbs. */
  readonly verb: (name: string, description: string, example: string, group?: Command) => Command
  readonly runs: (act: (context: Context, ...values: never[]) => Promise<void>) => (...args: unknown[]) => Promise<void>
}

/** Most rows that a verb asks for. */
const MOST_ROWS = 10_000

/** The verbs that look at what the daemon keeps: its journal and conversations. */
export function addStateVerbs({ verb, runs }: VerbMaker): void {
  verb('explain <subject>', 'Why something happened to a model, or around an event.', 'grym explain smollm2')
    .addHelpText('after', '  grym explain 1234   (an id that `grym events` shows)')
    .option('--limit <count>', 'at most as many decisions', wholeNumber, 50)
    .action(
      runs(async (context, subject: string, options: ExplainOptions) =>
        (await import('./verbs/explain.ts')).explainVerb(context, subject, options),
      ),
    )

  const trace = verb('trace', 'What was asked of this machine, without content.', 'grym trace export trace.jsonl')
  verb('export [file]', 'Write recorded requests as JSON lines.', 'grym trace export trace.jsonl', trace)
    .option('--force', 'replace a file that is there')
    .action(
      runs(async (context, file: string | undefined, options: TraceExportOptions) =>
        (await import('./verbs/trace.ts')).traceExportVerb(context, file, options),
      ),
    )

  addConversationVerbs({ verb, runs })
}

function addConversationVerbs({ verb, runs }: VerbMaker): void {
  const group = verb('conversations', 'Conversations that are kept here.', 'grym conversations list')
  verb('list', 'Kept conversations, last used first.', 'grym conversations list --limit 20', group)
    .option('--limit <count>', 'at most as many', wholeNumber, 50)
    .action(
      runs(async (context, options: { readonly limit: number }) =>
        (await import('./verbs/conversations.ts')).conversationsListVerb(context, options),
      ),
    )
  verb('show <id>', 'One conversation, to read.', 'grym conversations show conv_1', group).action(
    runs(async (context, id: string) => (await import('./verbs/conversations.ts')).conversationsShowVerb(context, id)),
  )
  verb('export [id]', 'Write one conversation, or all, to stdout.', 'grym conversations export --all > all.json', group)
    .addOption(new Option('--format <format>', 'form to write').choices(['json', 'markdown']).default('json'))
    .option('--all', 'all of them')
    .action(
      runs(async (context, id: string | undefined, options: ExportOptions) =>
        (await import('./verbs/conversations.ts')).conversationsExportVerb(context, id, options),
      ),
    )
  verb('delete [id]', 'Delete one conversation, or all, for good.', 'grym conversations delete conv_1', group)
    .option('--all', 'all of them; asks first')
    .option('--yes', 'do not ask')
    .action(
      runs(async (context, id: string | undefined, options: DeleteOptions) =>
        (await import('./verbs/conversations.ts')).conversationsDeleteVerb(context, id, options),
      ),
    )
}

function wholeNumber(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isInteger(value) || value < 1 || value > MOST_ROWS) {
    throw new InvalidArgumentError(`A whole number from 1 to ${MOST_ROWS}.`)
  }
  return value
}
