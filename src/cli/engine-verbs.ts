import type { VerbMaker } from './state-verbs.ts'

/** The verbs for packages of the embedded engine. */
export function addEngineVerbs({ verb, runs }: VerbMaker): void {
  const group = verb('engine', 'Packages of the engine: the CPU is always here, cards take more.', 'grym engine list')
  verb('list', 'What came with grym, what was installed, what could be.', 'grym engine list', group).action(
    runs(async (context) => (await import('./verbs/engine.ts')).engineListVerb(context)),
  )
  verb('install <backend>', 'Get what a kind of graphics card needs.', 'grym engine install cuda   (or vulkan)', group)
    .addHelpText(
      'after',
      '\nIt comes from the registry that npm is configured with, is checked against pinned digests,\nand goes into the state folder (GRYM_HOME). A running daemon needs no restart.',
    )
    .action(
      runs(async (context, backend: string) => (await import('./verbs/engine.ts')).engineInstallVerb(context, backend)),
    )
  verb('remove <backend>', 'Delete what was installed for a kind of card.', 'grym engine remove cuda', group)
    .alias('rm')
    .action(
      runs(async (context, backend: string) => (await import('./verbs/engine.ts')).engineRemoveVerb(context, backend)),
    )
}
