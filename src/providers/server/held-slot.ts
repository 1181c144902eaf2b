import type { TokenUsage } from '../../spec/chat.ts'
import type { OpenState, SavedState } from '../../spec/state-cache.ts'
import type { StateOwner } from '../../spec/restored-state.ts'

/** A saved state that was put into a slot, until an answer shows whether it is used. */
export interface FilledState {
  readonly open: OpenState
  /** Of the prompt that the slot was asked for, so many tokens were held before, */
  readonly heldTokens: number
  /** and so many are held with it. */
  readonly promisedTokens: number
  readonly restoreMs: number
}

/** One slot of a llama-server: whose state it holds, and how much of that lies on disk. */
export class HeldSlot {
  readonly id: number
  /** Requests that are on their way to it or are answered by it. */
  uses = 0
  lastUse = 0
  /** Absent = what it holds is nobody's, or not known well enough to be kept. */
  owner: StateOwner | undefined
  /** The model's name under which it was asked last. */
  modelId = ''
  /** By what the last answer told; 0 = nothing, or not known. */
  heldTokens = 0
  /** Of these, how many from the beginning are in a saved state. */
  savedTokens = 0
  /** What it begins with, as far as that is known. */
  known: Uint32Array = NONE
  /** Of the prompt that it answered last; `''` = not known. */
  text = ''
  saved: SavedState | undefined
  /** The entry with {@link savedTokens}. */
  savedEntryId: string | undefined
  filled: FilledState | undefined
  /** The server writes its state: whoever wants the slot waits for that. */
  saving: Promise<unknown> | undefined
  /** What was written becomes an entry: only who wants to be sure waits for that. */
  keeping: Promise<unknown> = Promise.resolve()
  #writes = 0

  constructor(id: number) {
    this.id = id
  }

  get unsavedTokens(): number {
    return this.owner ? Math.max(0, this.heldTokens - this.savedTokens) : 0
  }

  belongsTo(owner: StateOwner | undefined): boolean {
    return (
      owner?.conversationId !== undefined &&
      this.owner?.conversationId === owner.conversationId &&
      this.owner.owner === owner.owner
    )
  }

  /** What it holds now is not known any more, or is nobody's. */
  forget(): void {
    this.#writes++
    this.owner = undefined
    this.heldTokens = 0
    this.known = NONE
    this.text = ''
    this.noteUnsaved()
  }

  /** It holds this state now. Whose it is shows with the first prompt. */
  noteFilled(filled: FilledState): void {
    this.forget()
    this.filled = filled
    this.known = filled.open.tokens
    this.heldTokens = filled.open.tokens.length
    this.savedTokens = this.heldTokens
    this.savedEntryId = filled.open.entryId
  }

  /** Nothing of it is on disk, or not any more. */
  noteUnsaved(): void {
    this.savedTokens = 0
    this.saved = undefined
    this.savedEntryId = undefined
  }

  /** A request was answered by it. @param prompt its tokens, where they were asked for. */
  noteAnswered(owner: StateOwner | undefined, usage: TokenUsage, prompt: Uint32Array | undefined, text: string): void {
    const { promptTokens, cachedTokens, generatedTokens } = usage
    const keptTokens = cachedTokens ?? 0
    this.owner = owner
    this.text = text
    // The last token of an answer is sampled and not evaluated.
    this.heldTokens = promptTokens + Math.max(0, generatedTokens - 1)
    this.savedTokens = Math.min(this.savedTokens, keptTokens)
    this.known = prompt ?? this.known.subarray(0, keptTokens)
    if (this.savedTokens === 0) this.noteUnsaved()
  }

  /** All that it holds was written, and is on its way to be kept. @returns which write it was. */
  noteWritten(tokens: Uint32Array): number {
    this.known = tokens
    this.heldTokens = tokens.length
    this.savedTokens = tokens.length
    // Until it is kept it has none.
    this.savedEntryId = undefined
    return ++this.#writes
  }

  /** @param state absent = it could not be kept. */
  noteKept(write: number, state: SavedState | undefined): void {
    if (write !== this.#writes) return
    if (!state || this.savedTokens === 0) return this.noteUnsaved()
    this.saved = state
    this.savedEntryId = state.entryId
  }
}

const NONE = new Uint32Array()
