import type { OpenState, StateDraft } from '../../spec/state-cache.ts'
import type { FoundState, StateNote } from './worker/state-messages.ts'

interface Opened {
  readonly engine: object
  readonly state: OpenState
  /** Is the engine reading it just now? */
  isBeingRead: boolean
}

interface Begun {
  readonly engine: object
  readonly draft: StateDraft
}

/**
 * Files of states that engines have in hand, by number. Each is let go exactly once: by what its engine says of it, or when that
 * engine is gone.
 */
export class StateFiles {
  readonly #opened = new Map<number, Opened>()
  readonly #begun = new Map<number, Begun>()
  #lastId = 0

  addOpen(engine: object, state: OpenState): FoundState {
    const openId = ++this.#lastId
    this.#opened.set(openId, { engine, state, isBeingRead: false })
    const { entryId, path, tokens, payloadBytes } = state
    return { kind: 'found', openId, entryId, path, tokens, payloadBytes }
  }

  addDraft(engine: object, draft: StateDraft): number {
    const draftId = ++this.#lastId
    this.#begun.set(draftId, { engine, draft })
    return draftId
  }

  /** The draft, to be ended by the caller. */
  takeDraft(engine: object, draftId: number): StateDraft | undefined {
    const begun = this.#begun.get(draftId)
    if (begun?.engine !== engine) return undefined
    this.#begun.delete(draftId)
    return begun.draft
  }

  async note(engine: object, note: StateNote): Promise<void> {
    if (note.kind === 'abandoned') return this.takeDraft(engine, note.draftId)?.abandon()
    const opened = this.#opened.get(note.openId)
    if (opened?.engine !== engine) return
    if (note.kind === 'reading' || note.kind === 'read') return void (opened.isBeingRead = note.kind === 'reading')
    this.#opened.delete(note.openId)
    const { state } = opened
    if (note.kind === 'used') state.noteRestored(note.gain)
    if (note.kind === 'rejected') await state.reject(note.reason)
    await state[Symbol.asyncDispose]()
  }

  /**
   * The engine is gone: nothing of what it had in hand becomes an entry, and nothing stays open. A state that it was reading just then is
   * never offered again: whatever was the reason, the next engine is not to end of it.
   */
  async forget(engine: object): Promise<void> {
    const opened = [...this.#opened].filter(([, entry]) => entry.engine === engine)
    const begun = [...this.#begun].filter(([, entry]) => entry.engine === engine)
    for (const [id] of opened) this.#opened.delete(id)
    for (const [id] of begun) this.#begun.delete(id)
    await Promise.allSettled([
      ...opened.map(async ([, { state, isBeingRead }]) => {
        if (isBeingRead) await state.reject('its engine ended while it read it')
        await state[Symbol.asyncDispose]()
      }),
      ...begun.map(([, { draft }]) => draft.abandon()),
    ])
  }
}
