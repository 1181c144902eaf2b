import type { Config } from '../config/config.ts'
import { formatBytes } from '../spec/units.ts'

const DAY_MS = 86_400_000

/** What is kept of conversations, for how long, and how to have it otherwise; said at a first start and by `doctor`. */
export function keptText({ conversations: { keep, maxAgeMs, maxBytes } }: Pick<Config, 'conversations'>): string {
  if (!keep) return 'Conversations are not kept (conversations.keep is false).'
  const days = Math.round(maxAgeMs / DAY_MS)
  return (
    `Conversations are kept in the state folder for ${days} days after their last use, ${formatBytes(maxBytes)} at most. ` +
    'To keep none: conversations.keep: false in grym.yaml; to delete them: grym conversations delete --all.'
  )
}
