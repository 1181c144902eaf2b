import type { VerbMaker } from './state-verbs.ts'

/** The verbs for the keys by which others use the daemon. */
export function addKeyVerbs({ verb, runs }: VerbMaker): void {
  const group = verb('keys', 'Keys by which others may use the daemon.', 'grym keys new laptop')
  verb('new <name>', 'Make a key, and what to put into grym.yaml for it.', 'grym keys new laptop', group).action(
    runs(async (context, name: string) => (await import('./verbs/keys.ts')).keysNewVerb(context, name)),
  )
  verb('list', 'The keys that are configured, by their digests.', 'grym keys list', group).action(
    runs(async (context) => (await import('./verbs/keys.ts')).keysListVerb(context)),
  )
}
