import type { VerbMaker } from './state-verbs.ts'
import type { CacheOptions } from './verbs/cache.ts'

/** The verbs that look after the KV states on disk. */
export function addCacheVerbs({ verb, runs }: VerbMaker): void {
  const group = verb('cache', 'KV states of conversations that are saved on disk.', 'grym cache list')
  const modelFlag = ['--model <name>', 'those of this model alone'] as const
  verb('list', 'Saved states, last used first.', 'grym cache list --model smollm2', group)
    .option(...modelFlag)
    .action(
      runs(async (context, options: CacheOptions) =>
        (await import('./verbs/cache.ts')).cacheListVerb(context, options),
      ),
    )
  verb(
    'show [id]',
    'The cache as a whole: folder, caps, what it has saved; or one state.',
    'grym cache show',
    group,
  ).action(
    runs(async (context, id: string | undefined) => (await import('./verbs/cache.ts')).cacheShowVerb(context, id)),
  )
  verb('prune', 'Remove what has expired and what is over the caps.', 'grym cache prune', group).action(
    runs(async (context) => (await import('./verbs/cache.ts')).cachePruneVerb(context)),
  )
  verb('verify', 'Read every file; what is damaged is set aside.', 'grym cache verify', group).action(
    runs(async (context) => (await import('./verbs/cache.ts')).cacheVerifyVerb(context)),
  )
  verb('clear', 'Delete the saved states of a model, or all; conversations stay.', 'grym cache clear --yes', group)
    .option(...modelFlag)
    .option('--yes', 'do not ask')
    .action(
      runs(async (context, options: CacheOptions & { readonly yes?: boolean }) =>
        (await import('./verbs/cache.ts')).cacheClearVerb(context, options),
      ),
    )
}
