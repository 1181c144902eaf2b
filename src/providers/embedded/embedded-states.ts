import type { WeightsFile } from '../../spec/catalog.ts'
import type { Clock, Timer } from '../../spec/clock.ts'
import { keepNewest } from '../../spec/keep-newest.ts'
import type { ModelDefinition, ModelId } from '../../spec/model.ts'
import type { StateAccess } from '../../spec/provider.ts'
import type { NoDraft, SavedState, SaveReason, StateCache, StateDraft, StateKey } from '../../spec/state-cache.ts'
import { isDue } from '../save-rhythm.ts'
import { inTime } from './in-time.ts'
import { StateFiles } from './state-files.ts'
import { stateKeyOf } from './state-key.ts'
import type { FromWorker, StateTerms } from './worker/protocol.ts'
import { LEAST_UNSAVED_TOKENS } from './worker/restore-worth.ts'
import type { FoundState, StateAnswer, StateAsk, StateFacts } from './worker/state-messages.ts'

/** A model that answers again within this time is an agent at work: its next request comes before its save, unless that is due. */
export const RHYTHM_DELAY_MS = 1_000
/** A search that takes longer is given up, and the prompt is read: several GB are verified in this time. */
const FIND_DEADLINE_MS = 30_000
/** What a request that waits for the slot may lose to the question whether its state is worth a file. */
const DISPLACE_DEADLINE_MS = 50
/** The same where no request waits. */
const BEGIN_DEADLINE_MS = 5_000
/** After this long a model goes without what is not saved yet: a disk that hangs must not keep its memory. */
const SAVE_DEADLINE_MS = 120_000
/** What was written waits no longer than this for the first word of the answer that pushed it out. */
const ASIDE_DEADLINE_MS = 2_000
/** Models whose reading speed is remembered while they are not in memory. */
const MOST_PACES = 256
const NOTHING: StateAnswer = { kind: 'nothing' }

/** What is asked of an engine process here. */
export interface StateEngine {
  readonly isOver: boolean
  answerState(askId: number, answer: StateAnswer): void
  saveStates(contextId: string, reason: SaveReason, saveId: number): Promise<void>
  fillSlot(contextId: string, state: FoundState): Promise<number>
}

export type StateMessage = Extract<FromWorker, { type: 'stateAsk' | 'stateNote' }>
/** What the end of a run tells about its slot. */
export type RunEnd = Pick<Extract<FromWorker, { type: 'end' }>, 'unsavedTokens' | 'tokensPerMs'>

export interface EmbeddedStatesOptions {
  readonly cache: StateCache
  readonly clock: Clock
  /** SHA-256 of a file, hexadecimal. */
  readonly digestOf: (path: string) => Promise<string>
  /** What a restore costs beside its bytes: what is read faster is not looked for. Default: as measured. */
  readonly restoreCostMs?: number | undefined
}

interface StatefulModel {
  readonly engine: StateEngine
  /** `undefined`: a file could not be read, so nothing of this model is saved or found. */
  readonly key: Promise<StateKey | undefined>
  readonly slots: number
  runs: number
  hasGrown: boolean
  rhythm: Timer | undefined
  /** States that the engine has written and that are no entries yet. */
  readonly keeping: Set<Promise<unknown>>
  /** Lets those go on that wait for the first word of an answer. */
  released: PromiseWithResolvers<void>
}

/** The host's side of states on disk: finds and makes their files for the engines, and says when to save. */
export class EmbeddedStates implements StateAccess {
  readonly #options: EmbeddedStatesOptions
  readonly #files = new StateFiles()
  readonly #models = new Map<ModelId, StatefulModel>()
  /** Tokens read a millisecond. */
  readonly #paces = new Map<ModelId, number>()
  readonly #saves = new Map<number, SavedState[]>()
  #lastSaveId = 0

  constructor(options: EmbeddedStatesOptions) {
    this.#options = options
  }

  termsOf(modelId: ModelId): StateTerms {
    const tokensPerMs = this.#paces.get(modelId)
    const { restoreCostMs } = this.#options
    return { ...(tokensPerMs !== undefined && { tokensPerMs }), ...(restoreCostMs !== undefined && { restoreCostMs }) }
  }

  /** The model is in memory. Its key is made at once: a digest that is not known yet takes a while. */
  opened(engine: StateEngine, definition: ModelDefinition, weights: WeightsFile, facts: StateFacts): void {
    const key = stateKeyOf(definition, weights, facts, this.#options.digestOf).catch(() => undefined)
    this.#models.set(definition.id, {
      ...{ engine, key, slots: definition.parallel, runs: 0 },
      ...{ hasGrown: false, rhythm: undefined, keeping: new Set(), released: Promise.withResolvers<void>() },
    })
  }

  /** The model leaves memory. */
  closed(modelId: ModelId): void {
    const model = this.#models.get(modelId)
    if (!model) return
    stopRhythm(model)
    release(model)
    this.#models.delete(modelId)
  }

  /** The engine process is gone. */
  forget(engine: StateEngine): void {
    for (const [modelId, model] of this.#models) if (model.engine === engine) this.closed(modelId)
    void this.#files.forget(engine)
  }

  runBegins(modelId: ModelId): void {
    const model = this.#models.get(modelId)
    if (!model) return
    model.runs += 1
    // Of several slots the others are saved while this one reads.
    if (model.slots === 1) stopRhythm(model)
  }

  /** An answer has its first word, or another one. */
  runSpeaks(modelId: ModelId): void {
    const model = this.#models.get(modelId)
    if (model && model.keeping.size > 0) release(model)
  }

  /** @param end absent = it had none: cancelled or failed. */
  runEnds(modelId: ModelId, end: RunEnd | undefined): void {
    const model = this.#models.get(modelId)
    if (!model) return
    model.runs = Math.max(0, model.runs - 1)
    release(model)
    const { unsavedTokens = 0, tokensPerMs } = end ?? {}
    if (unsavedTokens >= LEAST_UNSAVED_TOKENS) model.hasGrown = true
    if (tokensPerMs !== undefined) this.#paces.set(modelId, tokensPerMs)
    keepNewest(this.#paces, MOST_PACES)
    // Somebody may wait for its slot now: the question whether there is a place is not to keep them.
    if (isDue(unsavedTokens, this.#paces.get(modelId))) return this.#saveGrown(modelId, model, 'displaced')
    if (!model.hasGrown || model.rhythm || (model.runs > 0 && model.slots === 1)) return
    model.rhythm = this.#options.clock.setTimer(RHYTHM_DELAY_MS, () => this.#saveGrown(modelId, model, 'rhythm'))
  }

  receive(engine: StateEngine, message: StateMessage): void {
    // A file that could not be let go is the cache's to tell: the engine has nothing to do with it any more.
    if (message.type === 'stateNote') return void this.#files.note(engine, message.note).catch(() => undefined)
    const { askId, contextId, ask } = message
    const model = this.#models.get(contextId)
    const answer = model?.engine === engine ? this.#answer(model, contextId, ask) : Promise.resolve(NOTHING)
    void answer.then((said) => engine.answerState(askId, said))
  }

  async save(modelId: ModelId, reason: SaveReason): Promise<readonly SavedState[]> {
    const model = this.#models.get(modelId)
    if (!model) return []
    const saveId = ++this.#lastSaveId
    const saved: SavedState[] = []
    this.#saves.set(saveId, saved)
    await inTime(this.#options.clock, model.engine.saveStates(modelId, reason, saveId), SAVE_DEADLINE_MS)
    this.#saves.delete(saveId)
    return saved
  }

  async restore(modelId: ModelId, entryIds: readonly string[]): Promise<number> {
    const model = this.#models.get(modelId)
    const key = await model?.key
    if (!model || !key) return 0
    let restoredTokens = 0
    for (const entryId of entryIds) {
      const tokens = await this.#fill(model.engine, modelId, key, entryId)
      if (tokens === 'full') break
      restoredTokens += tokens
    }
    return restoredTokens
  }

  #saveGrown(modelId: ModelId, model: StatefulModel, reason: SaveReason): void {
    stopRhythm(model)
    model.hasGrown = false
    void this.save(modelId, reason)
  }

  /** `full`: there is no free slot, or no engine any more. */
  async #fill(engine: StateEngine, modelId: ModelId, key: StateKey, entryId: string): Promise<number | 'full'> {
    const { cache, clock } = this.#options
    const state = await inTime(clock, cache.open(entryId, key), FIND_DEADLINE_MS, (late) => void letGo(late))
    if (!state) return 0
    const found = this.#files.addOpen(engine, state)
    const { openId } = found
    try {
      const tokens = await engine.fillSlot(modelId, found)
      if (tokens > 0) return tokens
      await this.#files.note(engine, { kind: 'unused', openId })
      return 'full'
    } catch (error) {
      // An engine that died of something else says nothing about this state.
      if (engine.isOver) return 'full'
      const reason = error instanceof Error ? error.message : String(error)
      await this.#files.note(engine, { kind: 'rejected', openId, reason }).catch(() => undefined)
      return 0
    }
  }

  #answer(model: StatefulModel, modelId: ModelId, ask: StateAsk): Promise<StateAnswer> {
    switch (ask.kind) {
      case 'find':
        return this.#find(model, ask)
      case 'begin':
        return this.#begin(model, modelId, ask)
      case 'commit':
        return this.#keep(model, ask)
      case 'isKept':
        return Promise.resolve(this.#options.cache.has(ask.entryId) ? { kind: 'kept' } : NOTHING)
    }
  }

  async #find(model: StatefulModel, ask: Extract<StateAsk, { kind: 'find' }>): Promise<StateAnswer> {
    const { cache, clock } = this.#options
    const { engine, key, keeping } = model
    const { kind: _, ...query } = ask
    // It may be what was written a moment ago.
    release(model)
    const search = Promise.all([key, ...keeping]).then(([known]) =>
      known ? cache.find({ key: known, ...query }) : undefined,
    )
    const state = await inTime(clock, search, FIND_DEADLINE_MS, (late) => void letGo(late))
    if (!state) return NOTHING
    if (!engine.isOver) return this.#files.addOpen(engine, state)
    await letGo(state)
    return NOTHING
  }

  async #begin(
    { engine, key }: StatefulModel,
    modelId: ModelId,
    ask: Extract<StateAsk, { kind: 'begin' }>,
  ): Promise<StateAnswer> {
    const { cache, clock } = this.#options
    const { kind: _, ...state } = ask
    const deadlineMs = ask.reason === 'displaced' ? DISPLACE_DEADLINE_MS : BEGIN_DEADLINE_MS
    const begin = key.then((known) => (known ? cache.begin({ key: known, modelId, ...state }) : undefined))
    const draft = await inTime(clock, begin, deadlineMs, (late) => void abandon(late))
    if (!isDraft(draft)) return NOTHING
    if (!engine.isOver) return { kind: 'draft', draftId: this.#files.addDraft(engine, draft), path: draft.path }
    await abandon(draft)
    return NOTHING
  }

  #keep(model: StatefulModel, ask: Extract<StateAsk, { kind: 'commit' }>): Promise<StateAnswer> {
    const isHeldBack = ask.isAside && model.runs > 0
    const waited = isHeldBack
      ? inTime(this.#options.clock, model.released.promise, ASIDE_DEADLINE_MS)
      : Promise.resolve()
    const keeping = waited.then(() => this.#commit(model.engine, ask)).finally(() => model.keeping.delete(keeping))
    model.keeping.add(keeping)
    return keeping
  }

  async #commit(engine: StateEngine, ask: Extract<StateAsk, { kind: 'commit' }>): Promise<StateAnswer> {
    const { draftId, tokens, saveId } = ask
    try {
      const saved = await this.#files.takeDraft(engine, draftId)?.commit(tokens)
      if (!saved) return NOTHING
      if (saveId !== undefined) this.#saves.get(saveId)?.push(saved)
      return { kind: 'committed', entryId: saved.entryId }
    } catch {
      // The cache has told why, and nothing of it is left: the state counts as unsaved, and is tried again when it has grown.
      return NOTHING
    }
  }
}

function stopRhythm(model: StatefulModel): void {
  model.rhythm?.cancel()
  model.rhythm = undefined
}

function release(model: StatefulModel): void {
  model.released.resolve()
  model.released = Promise.withResolvers()
}

function isDraft(draft: StateDraft | NoDraft | undefined): draft is StateDraft {
  return draft !== undefined && 'commit' in draft
}

/** For what comes too late or for nobody. That it cannot be closed or taken away is the cache's to tell. */
async function letGo(state: AsyncDisposable | undefined): Promise<void> {
  await state?.[Symbol.asyncDispose]().then(undefined, () => undefined)
}

async function abandon(draft: StateDraft | NoDraft | undefined): Promise<void> {
  if (isDraft(draft)) await draft.abandon().catch(() => undefined)
}
