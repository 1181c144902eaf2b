import { commonLength } from '../../spec/common-length.ts'
import type { GenerateEnd, GenerateRequest } from '../../spec/chat.ts'
import type { Clock } from '../../spec/clock.ts'
import { ResourceError } from '../../spec/errors.ts'
import type { ModelId } from '../../spec/model.ts'
import type { OpenState, SavedState, SaveReason, StateCache, StateDraft, StateKey } from '../../spec/state-cache.ts'
import type { RestoreGain, StateOwner } from '../../spec/restored-state.ts'
import { LEAST_GAIN_TOKENS, restoreGain } from '../restore-gain.ts'
import { isDue } from '../save-rhythm.ts'
import { type FilledState, HeldSlot } from './held-slot.ts'
import type { SlotFiles } from './slot-files.ts'

/** A prompt of fewer characters has no more tokens than that, and its slot is not worth a question. */
const LEAST_PROMPT_CHARACTERS = 128
/** Growth that is read again within so many ms is not written after each answer. */
const LEAST_SAVED_MS = 1_000
/** A slot that was quiet for so long after an answer is saved: the next question of a program comes at once, ms. */
const QUIET_MS = 250
/** Shorter stretches say little of the speed at which prompts are read. */
const LEAST_MEASURED_TOKENS = 32

export interface SlotStatesOptions {
  readonly clock: Clock
  readonly cache: StateCache
  readonly key: StateKey
  readonly files: SlotFiles
  readonly slots: number
  /** Until a file has told it: an upper bound. */
  readonly bytesPerToken: number
  /** The prompt as the server would make it; `undefined` = it cannot be had. Rejects only where the request is given up. */
  readonly tokenize: (request: GenerateRequest, signal: AbortSignal) => Promise<Uint32Array | undefined>
  readonly pace: ReadingPace
  /** A state that could not be saved or restored, though nothing but time is lost. */
  readonly onFault: (error: unknown) => void
}

/** How fast a server was last seen to read prompts; it outlives the server. */
export interface ReadingPace {
  /** `undefined` = not measured yet. */
  tokensPerMs: number | undefined
}

/** Where a request is answered. */
export interface SlotPlace {
  /** Sent along with the request. */
  readonly fields: { readonly id_slot: number }
  /** It was answered: what the disk had to do with it. To be called before {@link leave}. */
  settle(end: GenerateEnd): Promise<RestoreGain | undefined>
  /** However it ended. */
  leave(): Promise<void>
}

/**
 * The slots of one llama-server, each with whose conversation it holds. grym chooses the slot of every request, so that it knows:
 *
 * 1. the one that holds the same conversation; nothing is asked then, the server finds what it has by itself
 * 2. else the prompt is made into tokens, and the idle slot is taken that is known to have most of them, an empty one, or the one
 *    that was used longest ago; what it holds of somebody is saved, where that is worth it; then the cache is asked for more
 * 3. a prompt that is short or nobody's is not made into tokens: the slot is taken whose last text has most of it in common
 *
 * What a request without an owner leaves is nobody's, and so is what an answer left that broke off.
 */
export class SlotStates {
  readonly #options: SlotStatesOptions
  readonly #slots: readonly HeldSlot[]
  #bytesPerToken: number
  /** It was seen not to go back within a state: it is recurrent, or has a sliding window. */
  #canBeCut = true
  #uses = 0
  #isOver = false

  constructor(options: SlotStatesOptions) {
    this.#options = options
    this.#bytesPerToken = options.bytesPerToken
    this.#slots = Array.from({ length: options.slots }, (_, id) => new HeldSlot(id))
  }

  /** Rejects only where the request is given up. */
  async place(modelId: ModelId, request: GenerateRequest, signal: AbortSignal): Promise<SlotPlace> {
    const { stateOwner } = request
    const text = promptText(request)
    const own = this.#slots.find((slot) => slot.uses === 0 && slot.belongsTo(stateOwner))
    if (own) {
      const place = this.#use(own, modelId, { stateOwner, text })
      await own.saving
      return place
    }
    const isLooked = stateOwner !== undefined && text.length >= LEAST_PROMPT_CHARACTERS
    const prompt = isLooked ? await this.#options.tokenize(request, signal) : undefined
    const slot = this.#choose(prompt, text)
    const place = this.#use(slot, modelId, { stateOwner, text, prompt })
    try {
      await slot.saving
      this.#lookForEntry(slot)
      if (slot.unsavedTokens >= this.#leastSavedTokens()) await this.#save(slot, 'displaced')
      const known = prompt ? commonLength(slot.known, prompt) : 0
      // What was put there before it was asked for is looked at only where this prompt goes on from it.
      if (slot.filled && known >= LEAST_GAIN_TOKENS) slot.filled = { ...slot.filled, promisedTokens: known }
      else await this.#drop(slot)
      slot.owner = undefined
      slot.savedTokens = Math.min(slot.savedTokens, known)
      if (prompt && stateOwner) await this.#fill(slot, stateOwner.owner, prompt, known)
      return place
    } catch (error) {
      await place.leave()
      throw error
    }
  }

  /** Of the states that slots hold, those that are in no file; for the cache those, too, that are. Never rejects. */
  async save(modelId: ModelId, reason: SaveReason): Promise<readonly SavedState[]> {
    const states: SavedState[] = []
    for (const slot of this.#slots.filter((each) => each.modelId === modelId)) {
      await slot.saving
      await slot.keeping
      this.#lookForEntry(slot)
      // All of a state is written for what it grew by: a few tokens are read again sooner.
      const isGrown = slot.unsavedTokens >= (slot.savedTokens === 0 ? 1 : LEAST_GAIN_TOKENS)
      const isWanted = isGrown || (reason === 'cache' && slot.heldTokens > 0 && !slot.saved)
      const before = slot.saved
      if (isWanted) await this.#save(slot, reason)
      await slot.keeping
      if (slot.saved && (reason === 'cache' || slot.saved !== before)) states.push(slot.saved)
    }
    return states
  }

  /** Into slots that hold nothing. Returns the tokens that are there by the server's word. Never rejects. */
  async restore(modelId: ModelId, entryIds: readonly string[]): Promise<number> {
    let tokens = 0
    const empty = this.#slots.filter(({ uses, heldTokens }) => uses === 0 && heldTokens === 0)
    for (const [place, entryId] of entryIds.slice(0, empty.length).entries()) {
      const slot = empty[place]
      const startedAtMs = this.#options.clock.nowMs()
      const open = slot && (await this.#options.cache.open(entryId, this.#options.key).catch(this.#options.onFault))
      if (!open) continue
      slot.modelId = modelId
      tokens += await this.#load(slot, { open, heldTokens: 0, promisedTokens: open.tokens.length }, startedAtMs)
    }
    return tokens
  }

  /** The server is gone, or goes: nothing is saved any more. */
  async close(): Promise<void> {
    this.#isOver = true
    for (const slot of this.#slots) await this.#drop(slot)
  }

  #use(slot: HeldSlot, modelId: ModelId, { stateOwner, text, prompt }: PlacedPrompt): SlotPlace {
    slot.uses++
    slot.lastUse = ++this.#uses
    slot.modelId = modelId
    let isSettled = false
    let hasLeft = false
    return {
      fields: { id_slot: slot.id },
      settle: async (end) => {
        isSettled = true
        const gain = await this.#settle(slot, end)
        slot.noteAnswered(stateOwner, end.usage, prompt, text)
        return gain
      },
      leave: async () => {
        if (hasLeft) return
        hasLeft = true
        slot.uses--
        if (!isSettled) {
          slot.forget()
          await this.#drop(slot)
          return
        }
        if (slot.uses > 0) return
        const { lastUse } = slot
        const saveQuiet = (): Promise<void> => this.#saveQuiet(slot, lastUse)
        if (isDue(slot.unsavedTokens, this.#options.pace.tokensPerMs)) void saveQuiet()
        else this.#options.clock.setTimer(QUIET_MS, () => void saveQuiet())
      },
    }
  }

  /** @param text of a prompt whose tokens were not asked for: its slot is the one that was asked much the same. */
  #choose(prompt: Uint32Array | undefined, text: string): HeldSlot {
    const idle = this.#slots.filter(({ uses }) => uses === 0)
    const among = (idle.length > 0 ? idle : this.#slots).toSorted((a, b) => a.lastUse - b.lastUse)
    const known = (slot: HeldSlot): number =>
      prompt ? commonLength(slot.known, prompt) : commonLength<string>(slot.text, text)
    const [best] = among.toSorted((a, b) => known(b) - known(a))
    const isGain = best !== undefined && known(best) >= (prompt ? LEAST_GAIN_TOKENS : Math.max(1, text.length / 2))
    const chosen = isGain ? best : (among.find(({ heldTokens }) => heldTokens === 0) ?? among[0])
    if (!chosen) throw new Error('a server has a slot')
    return chosen
  }

  async #fill(slot: HeldSlot, owner: string, prompt: Uint32Array, known: number): Promise<void> {
    const { cache, key, clock } = this.#options
    const startedAtMs = clock.nowMs()
    const moreThanTokens = known + LEAST_GAIN_TOKENS
    if (prompt.length <= moreThanTokens) return
    const query = { key, owner, tokens: prompt, moreThanTokens, mustBeWhole: !this.#canBeCut }
    const open = await cache.find(query).catch(this.#options.onFault)
    if (!open) return
    await this.#drop(slot)
    await this.#load(slot, { open, heldTokens: known, promisedTokens: open.commonTokens }, startedAtMs)
  }

  async #load(slot: HeldSlot, filled: Omit<FilledState, 'restoreMs'>, startedAtMs: number): Promise<number> {
    const { files, clock } = this.#options
    const { open } = filled
    try {
      const restored = await files.restore(slot.id, open.path)
      if (restored === open.tokens.length) {
        slot.noteFilled({ ...filled, restoreMs: clock.nowMs() - startedAtMs })
        return restored
      }
      await this.#reject(slot, open, `llama-server took ${restored} of its ${open.tokens.length} tokens`)
      await files.erase(slot.id)
    } catch (error) {
      if (!(error instanceof ResourceError)) throw error
      await this.#reject(slot, open, error.message)
    }
    return 0
  }

  /** Did the server go on from what was put there? Its own count of tokens that it did not have to read says so. */
  async #settle(slot: HeldSlot, { usage, prefillMs }: GenerateEnd): Promise<RestoreGain | undefined> {
    const { filled } = slot
    const { promptTokens, cachedTokens } = usage
    const readTokens = promptTokens - (cachedTokens ?? 0)
    if (cachedTokens !== null && readTokens >= LEAST_MEASURED_TOKENS && prefillMs > 0) {
      this.#options.pace.tokensPerMs = readTokens / prefillMs
    }
    if (!filled) return undefined
    const { open, heldTokens, restoreMs } = filled
    // At least one token is always read.
    const promised = Math.min(filled.promisedTokens, promptTokens - 1)
    const reused = Math.min(cachedTokens ?? 0, promised)
    const tokens = reused - heldTokens
    if (tokens < (promised - heldTokens) / 2) {
      if (promised < open.tokens.length) this.#canBeCut = false
      slot.filled = undefined
      await this.#reject(slot, open, `llama-server went on from ${reused} of ${promised} tokens that it had been given`)
      return undefined
    }
    const gain = restoreGain(tokens, restoreMs, this.#options.pace.tokensPerMs)
    open.noteRestored(gain)
    await this.#drop(slot)
    return gain
  }

  async #reject(slot: HeldSlot, open: OpenState, reason: string): Promise<void> {
    slot.forget()
    await open.reject(reason).catch(this.#options.onFault)
    await disposed(open).catch(this.#options.onFault)
  }

  async #drop(slot: HeldSlot): Promise<void> {
    const { filled } = slot
    slot.filled = undefined
    if (filled) await disposed(filled.open).catch(this.#options.onFault)
  }

  async #saveQuiet(slot: HeldSlot, lastUse: number): Promise<void> {
    const isQuiet = slot.uses === 0 && slot.lastUse === lastUse && !slot.saving && !this.#isOver
    if (isQuiet && slot.unsavedTokens >= this.#leastSavedTokens()) await this.#save(slot, 'rhythm')
  }

  #leastSavedTokens(): number {
    return Math.max(LEAST_GAIN_TOKENS, Math.ceil((this.#options.pace.tokensPerMs ?? 0) * LEAST_SAVED_MS))
  }

  /** What is saved may have been cleared away since, or made way for others: then it counts as unsaved. */
  #lookForEntry(slot: HeldSlot): void {
    const { savedEntryId } = slot
    if (savedEntryId !== undefined && !this.#options.cache.has(savedEntryId)) slot.noteUnsaved()
  }

  /** Resolves when the server has written; that it is kept is not waited for. */
  async #save(slot: HeldSlot, reason: SaveReason): Promise<void> {
    const writing = this.#write(slot, reason).catch(this.#options.onFault)
    slot.saving = writing
    const written = await writing
    slot.saving = undefined
    if (written) slot.keeping = Promise.all([slot.keeping, this.#keep(slot, written)])
  }

  async #write(slot: HeldSlot, reason: SaveReason): Promise<WrittenState | undefined> {
    const { cache, key, files } = this.#options
    const { owner, modelId, heldTokens, unsavedTokens } = slot
    if (!owner || this.#isOver) return undefined
    const expectedBytes = Math.ceil(heldTokens * this.#bytesPerToken)
    const state = { key, owner, modelId, expectedBytes, tokens: heldTokens, unsavedTokens, reason }
    const draft = await cache.begin({ ...state, canBeCut: this.#canBeCut })
    if ('refused' in draft) return undefined
    try {
      const { writtenBytes, tokens } = await files.save(slot.id, draft.path)
      this.#bytesPerToken = writtenBytes / Math.max(1, tokens.length)
      return { draft, tokens }
    } catch (error) {
      await draft.abandon()
      throw error
    }
  }

  async #keep(slot: HeldSlot, { draft, tokens }: WrittenState): Promise<void> {
    const write = slot.noteWritten(tokens)
    const kept = await draft.commit(tokens).catch(this.#options.onFault)
    slot.noteKept(write, kept ?? undefined)
  }
}

interface PlacedPrompt {
  readonly stateOwner: StateOwner | undefined
  readonly text: string
  /** Its tokens, where they were asked for. */
  readonly prompt?: Uint32Array | undefined
}

interface WrittenState {
  readonly draft: StateDraft
  readonly tokens: Uint32Array
}

function promptText({ messages, completion }: GenerateRequest): string {
  return messages.map(({ content }) => content).join('\n') + (completion?.prompt ?? '')
}

async function disposed(open: OpenState): Promise<void> {
  await open[Symbol.asyncDispose]()
}
