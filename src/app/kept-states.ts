import { resourceError } from '../spec/errors.ts'
import type { StateOwner } from '../spec/restored-state.ts'
import type { NoDraft, StateCacheKeeper, StateCache } from '../spec/state-cache.ts'

const NOT_KEPT: NoDraft = { refused: 'disabled', message: 'Its conversation is not kept, or was deleted.' }

/**
 * The cache as engines have it: an engine may still hold in memory what was deleted meanwhile, and nothing of that may come
 * to the disk again.
 *
 * @param isKept asked before a save begins, before it becomes an entry, and after that.
 */
export function keptStates(cache: StateCacheKeeper, isKept: (owner: StateOwner) => boolean): StateCache {
  return {
    find: (query) => cache.find(query),
    open: (entryId, key) => cache.open(entryId, key),
    has: (entryId) => cache.has(entryId),
    async begin(state) {
      const { owner } = state
      if (!isKept(owner)) return NOT_KEPT
      const draft = await cache.begin(state)
      if ('refused' in draft) return draft
      return {
        path: draft.path,
        abandon: () => draft.abandon(),
        async commit(tokens) {
          if (!isKept(owner)) {
            await draft.abandon()
            throw resourceError('cache-operation-failed', NOT_KEPT.message)
          }
          const saved = await draft.commit(tokens)
          if (!isKept(owner) && owner.conversationId !== undefined)
            await cache.forgetConversations([owner.conversationId])
          return saved
        },
      }
    },
  }
}
