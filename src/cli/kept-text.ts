import { cacheFolderOf } from '../app/cache-folder.ts'
import type { Config } from '../config/config.ts'
import { formatBytes } from '../spec/units.ts'

const DAY_MS = 86_400_000

/** What is kept of conversations, for how long, and how to have it otherwise; said at a first start and by `doctor`. */
export function keptText(config: Pick<Config, 'conversations' | 'kvcache' | 'home'>): string {
  const { keep, maxAgeMs, maxBytes } = config.conversations
  if (!keep) return 'Conversations are not kept, and no KV state of theirs is (conversations.keep is false).'
  const conversations =
    `Conversations are kept in the state folder for ${daysText(maxAgeMs)} after their last use, ${formatBytes(maxBytes)} at most. ` +
    'To keep none: conversations.keep: false in grym.yaml; to delete them: grym conversations delete --all.'
  return `${conversations}\n${stateText(config)}`
}

/** What an engine has read of a conversation can be turned back into its words. */
function stateText(config: Pick<Config, 'kvcache' | 'home'>): string {
  const { isEnabled, isEncrypted, maxBytes, ttlMs } = config.kvcache
  if (!isEnabled) return 'What engines have read of them (KV state) is not saved (kvcache.enabled is false).'
  const howLong = ttlMs === null ? 'without end of their own' : `for ${daysText(ttlMs)} after their last use`
  return (
    `What engines have read of them (KV states) is saved in ${cacheFolderOf(config)} ${howLong}, ${formatBytes(maxBytes)} at most, ` +
    `${isEncrypted ? 'encrypted, ' : ''}and deleted with its conversation. To save none: kvcache.enabled: false; to delete them: grym cache clear.`
  )
}

function daysText(durationMs: number): string {
  const days = Math.round(durationMs / DAY_MS)
  return days === 1 ? '1 day' : `${days} days`
}
