import { describe, expect, test } from 'vitest'
import type { StateOwner } from '../spec/restored-state.ts'
import type { NewState, StateDraft } from '../spec/state-cache.ts'
import { ScriptedStateCache } from '../testing/scripted-state-cache.ts'
import { ForgottenStates } from './forgotten-states.ts'
import { keptStates } from './kept-states.ts'

const SAVED = { entryId: 's1', modelId: 'a', path: '/h/s1', tokens: 9, bytes: 5 }
const STATE: NewState = {
  ...{ key: {}, owner: { owner: 'local', conversationId: 'conv_1' }, modelId: 'a', expectedBytes: 5, tokens: 900 },
  ...{ unsavedTokens: 900, canBeCut: true, reason: 'unload' },
}

class Ground {
  readonly cache: ScriptedStateCache = new ScriptedStateCache()
  readonly deeds: string[] = []
  readonly kept: Set<string> = new Set(['conv_1'])
  onCommit: () => void = () => {}

  constructor() {
    this.cache.begin = async () => ({
      path: '/h/draft',
      commit: async () => {
        this.onCommit()
        this.deeds.push('commit')
        return SAVED
      },
      abandon: async () => void this.deeds.push('abandon'),
    })
  }

  async draft(owner: StateOwner = STATE.owner): Promise<StateDraft> {
    const isKept = ({ conversationId }: StateOwner): boolean => this.kept.has(conversationId ?? 'none')
    const draft = await keptStates(this.cache, isKept).begin({ ...STATE, owner })
    if ('refused' in draft) throw new Error(draft.refused)
    return draft
  }
}

describe('what an engine may still save', () => {
  test('the state of a conversation that is kept', async () => {
    const ground = new Ground()
    expect(await (await ground.draft()).commit(new Uint32Array())).toEqual(SAVED)
    expect(ground.deeds).toEqual(['commit'])
    expect(ground.cache.forgotten).toEqual([])
  })

  test('not that of one which was deleted while the engine held it', async () => {
    const ground = new Ground()
    ground.kept.clear()
    await expect(ground.draft()).rejects.toThrow('disabled')
  })

  test('nor of one deleted while the engine wrote: nothing is left', async () => {
    const ground = new Ground()
    const draft = await ground.draft()
    ground.kept.clear()
    await expect(draft.commit(new Uint32Array())).rejects.toMatchObject({ reason: 'cache-operation-failed' })
    expect(ground.deeds).toEqual(['abandon'])
  })

  test('nor of one deleted at the very last: it goes again', async () => {
    const ground = new Ground()
    ground.onCommit = () => ground.kept.clear()
    await (await ground.draft()).commit(new Uint32Array())
    expect(ground.cache.forgotten).toEqual(['conv_1'])
  })
})

describe('deleted conversations', () => {
  test('those of one turn go together, and are waited for', async () => {
    const told: (readonly string[])[] = []
    const forgotten = new ForgottenStates(() => {})
    forgotten.begin({ forgetConversations: async (ids) => void told.push(ids) })
    forgotten.note('a')
    forgotten.note('b')
    expect(told).toEqual([])
    await forgotten.settled()
    forgotten.note('c')
    await forgotten.settled()
    expect(told).toEqual([['a', 'b'], ['c']])
  })

  test('a disk that fails is told, and hurts nobody', async () => {
    const faults: unknown[] = []
    const forgotten = new ForgottenStates((error) => faults.push(error))
    forgotten.begin({ forgetConversations: () => Promise.reject(new Error('no disk')) })
    forgotten.note('a')
    await forgotten.settled()
    forgotten.note('b')
    await forgotten.settled()
    expect(faults).toHaveLength(2)
  })
})
