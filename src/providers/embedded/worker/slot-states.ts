import { stat } from 'node:fs/promises'
import type { Token } from 'node-llama-cpp'
import type { SaveReason } from '../../../spec/state-cache.ts'
import type { RestoreGain, StateOwner } from '../../../spec/restored-state.ts'
import { tokensOfStateFile } from '../../llama-cpp-state-file.ts'
import { restoreGain } from '../../restore-gain.ts'
import type { StateHost } from './host-asks.ts'
import { commonLength } from '../../../spec/common-length.ts'
import type { KeptPrefix } from './kept-state.ts'
import type { RunPhase } from './protocol.ts'
import { LEAST_UNSAVED_TOKENS, leastGainTokens, transferMs } from './restore-worth.ts'
import type { Slot } from './slot.ts'
import type { FoundState, StateAnswer, StateAsk } from './state-messages.ts'

/** What a run gives to what is done in its name. */
export interface StateRun {
  /** Between two pieces of work: throws when the run was cancelled, else tells the host what comes. */
  checkpoint(phase: RunPhase, expectedMs: number): void
  /** Resolves when the run is cancelled. */
  readonly cancelled: Promise<void>
}

/** Where a run goes on from. */
export interface RunStart {
  readonly kept: KeptPrefix
  /** To be called once the rest of the prompt is read: only then the speed is known by which the gain is told. */
  settle(): RestoreGain | undefined
}

export interface SlotStatesOptions {
  readonly host: StateHost
  /** Tokens read a millisecond, as measured by now. */
  readonly tokensPerMs: () => number | undefined
  /** See {@link leastGainTokens}. */
  readonly restoreCostMs?: number | undefined
}

/** Takes the states of one context's slots to files and back. All of it happens in a slot's turn. */
export class SlotStates {
  readonly #host: StateHost
  readonly #tokensPerMs: () => number | undefined
  readonly #restoreCostMs: number | undefined

  constructor({ host, tokensPerMs, restoreCostMs }: SlotStatesOptions) {
    this.#restoreCostMs = restoreCostMs
    this.#host = host
    this.#tokensPerMs = tokensPerMs
  }

  /**
   * Makes the slot hold as much of the prompt as can be had: what it holds, or a saved state that spares reading more. What it
   * held of another conversation is saved first where that is worth it. From here on all that it holds is this prompt.
   */
  async begin(slot: Slot, prompt: readonly Token[], owner: StateOwner | undefined, run: StateRun): Promise<RunStart> {
    const startedAtMs = performance.now()
    const reusableTokens = slot.reusableTokens(prompt)
    const found = owner && (await this.#find(slot, prompt, reusableTokens, owner, run))
    const isOurs = found ? await this.#display(slot, prompt, found, run) : await this.#displace(slot, prompt, run)
    slot.held.owner = owner
    const { filled } = slot.held
    slot.held.filled = undefined
    if (found && isOurs) {
      if (filled) this.#host.note({ kind: 'unused', openId: filled.openId })
      return this.#use(slot, prompt, found, reusableTokens, startedAtMs)
    }
    const kept = await slot.state.keepPrefix(prompt)
    if (!filled) return { kept, settle: () => undefined }
    const tokens = Math.min(kept.reusedTokens, filled.tokens)
    return { kept, settle: () => this.#settle(filled.openId, tokens, filled.restoreMs) }
  }

  /** Puts a saved state into a slot that holds nothing. Rejects with the reason where the engine does not take it. */
  async fill(slot: Slot, { openId, entryId, path, tokens }: FoundState): Promise<void> {
    const startedAtMs = performance.now()
    await this.#load(slot, { openId, path, tokens })
    slot.held.noteSaved(tokens, slot.sequence.contextTokens, entryId)
    slot.held.owner = undefined
    slot.held.filled = { openId, tokens: tokens.length, restoreMs: performance.now() - startedAtMs }
  }

  /** Growth of a slot that could be saved, tokens; 0 where its state is not to be kept. */
  unsavedTokens(slot: Slot): number {
    return slot.held.owner ? slot.held.unsavedTokens(slot.sequence.contextTokens) : 0
  }

  /**
   * Saves what a slot holds, where there is anything new and a place for it. Resolves when the engine has written, with a promise
   * for the moment when it is kept: the slot may be used meanwhile.
   *
   * @param saveId see {@link StateAsk}.
   */
  async save(slot: Slot, reason: SaveReason, saveId?: number): Promise<{ readonly kept: Promise<void> }> {
    if (reason !== 'rhythm') await this.#lookForEntry(slot)
    return this.#write(slot, reason, saveId)
  }

  async #write(slot: Slot, reason: SaveReason, saveId?: number): Promise<{ readonly kept: Promise<void> }> {
    const nothing = { kept: Promise.resolve() }
    const { owner } = slot.held
    const held = slot.sequence.contextTokens
    // Who moves a model to the cache wants all of it there, as files that belong to that move.
    const unsavedTokens = reason === 'cache' ? held.length : this.unsavedTokens(slot)
    if (!owner || unsavedTokens < leastUnsaved(reason)) return nothing
    const { expectedBytes } = slot
    const canBeCut = !slot.sequence.needsCheckpoints
    const asked = { owner, expectedBytes, tokens: held.length, unsavedTokens, canBeCut, reason }
    const draft = await this.#host.ask({ kind: 'begin', ...asked })
    if (draft.kind !== 'draft') return nothing
    const { draftId, path } = draft
    if (!(await isWritten(slot, path))) {
      this.#host.note({ kind: 'abandoned', draftId })
      return nothing
    }
    const tokens = Uint32Array.from(held)
    return { kept: this.#commit(slot, { draftId, tokens, isAside: reason === 'displaced' }, saveId) }
  }

  /** What is saved may have been cleared away since, or made way for others: then it counts as unsaved. */
  async #lookForEntry({ held }: Slot): Promise<void> {
    const { owner, entryId } = held
    if (!owner || entryId === undefined) return
    const { kind } = await this.#host.ask({ kind: 'isKept', entryId })
    if (kind !== 'kept' && held.entryId === entryId) held.noteLost()
  }

  async #commit(slot: Slot, written: Written, saveId: number | undefined): Promise<void> {
    const { tokens } = written
    const commit = { kind: 'commit', ...written, ...(saveId !== undefined && { saveId }) } as const
    const answer = await this.#host.ask(commit)
    if (answer.kind === 'committed') slot.held.noteSaved(tokens, slot.sequence.contextTokens, answer.entryId)
  }

  async #find(
    slot: Slot,
    prompt: readonly Token[],
    reusableTokens: number,
    { owner }: StateOwner,
    run: StateRun,
  ): Promise<FoundState | undefined> {
    const gainTokens = leastGainTokens(this.#tokensPerMs(), this.#restoreCostMs)
    // The last token is read in any case: its output is needed.
    if (prompt.length - 1 - reusableTokens < gainTokens) return undefined
    run.checkpoint('search', 0)
    const answer = this.#host.ask({
      kind: 'find',
      owner,
      tokens: Uint32Array.from(prompt.slice(0, -1)),
      moreThanTokens: reusableTokens + gainTokens - 1,
      mustBeWhole: slot.sequence.needsCheckpoints,
    })
    const found = await Promise.race([answer, run.cancelled])
    if (found) return found.kind === 'found' ? this.#fitting(found, slot, prompt, reusableTokens) : undefined
    void this.#closeLate(answer)
    run.checkpoint('search', 0)
    return undefined
  }

  /** Nobody waits for it any more: whatever is found is closed again. */
  async #closeLate(answer: Promise<StateAnswer>): Promise<void> {
    const late = await answer
    if (late.kind === 'found') this.#host.note({ kind: 'unused', openId: late.openId })
  }

  /** What the host found is looked at again before anything that the slot holds is given up for it. */
  #fitting(found: FoundState, slot: Slot, prompt: readonly Token[], reusableTokens: number): FoundState | undefined {
    const commonTokens = usableTokens(prompt, found)
    const isFitting =
      commonTokens > reusableTokens && (commonTokens === found.tokens.length || !slot.sequence.needsCheckpoints)
    if (isFitting) return found
    const reason = `It has ${commonTokens} tokens in common with the prompt that it was found for.`
    this.#host.note({ kind: 'rejected', openId: found.openId, reason })
    return undefined
  }

  /** Loads what was found in place of what the slot holds. False: it was not taken, and the slot holds nothing. */
  async #display(slot: Slot, prompt: readonly Token[], found: FoundState, run: StateRun): Promise<boolean> {
    const { openId, entryId, tokens, payloadBytes } = found
    try {
      await this.#displace(slot, prompt, run)
      run.checkpoint('restore', transferMs(payloadBytes))
    } catch (error) {
      this.#host.note({ kind: 'unused', openId })
      throw error
    }
    try {
      await this.#load(slot, found)
      slot.held.noteSaved(tokens, slot.sequence.contextTokens, entryId)
      return true
    } catch (error) {
      this.#host.note({ kind: 'rejected', openId, reason: error instanceof Error ? error.message : String(error) })
      return false
    }
  }

  /** Rejects with the reason where the file does not hold these tokens or the engine does not have them afterwards; nothing is held then. */
  async #load(slot: Slot, { openId, path, tokens }: Pick<FoundState, 'openId' | 'path' | 'tokens'>): Promise<void> {
    const inFile = await tokensOfStateFile(path, slot.contextTokens)
    if (!isSame(inFile, tokens)) throw new Error('Its file holds other tokens than it says.')
    this.#host.note({ kind: 'reading', openId })
    await slot.state.load(path)
    this.#host.note({ kind: 'read', openId })
    if (isSame(slot.sequence.contextTokens, tokens) && slot.state.isThere(tokens.length)) return
    await slot.state.drop()
    throw new Error('The engine does not hold its tokens after it was loaded.')
  }

  async #use(
    slot: Slot,
    prompt: readonly Token[],
    found: FoundState,
    reusableTokens: number,
    startedAtMs: number,
  ): Promise<RunStart> {
    const { openId } = found
    const expectedTokens = usableTokens(prompt, found)
    const kept = await slot.state.keepPrefix(prompt)
    const restoreMs = performance.now() - startedAtMs
    if (kept.reusedTokens < expectedTokens) {
      const reason = `The engine went on from ${kept.reusedTokens} of its tokens instead of ${expectedTokens}.`
      this.#host.note({ kind: 'rejected', openId, reason })
      slot.held.noteLost()
      return { kept, settle: () => undefined }
    }
    return { kept, settle: () => this.#settle(openId, kept.reusedTokens - reusableTokens, restoreMs) }
  }

  #settle(openId: number, tokens: number, restoreMs: number): RestoreGain | undefined {
    if (tokens <= 0) {
      this.#host.note({ kind: 'unused', openId })
      return undefined
    }
    const gain = restoreGain(tokens, restoreMs, this.#tokensPerMs())
    this.#host.note({ kind: 'used', openId, gain })
    return gain
  }

  /** Saves another conversation's state before it is overwritten. That it is kept is not waited for. */
  async #displace(slot: Slot, prompt: readonly Token[], run: StateRun): Promise<void> {
    const held = slot.sequence.contextTokens
    const lostTokens = held.length - commonLength(held, prompt)
    if (lostTokens * 2 <= held.length) return
    await this.#lookForEntry(slot)
    if (this.unsavedTokens(slot) < LEAST_UNSAVED_TOKENS) return
    run.checkpoint('save', transferMs(slot.expectedBytes))
    await this.#write(slot, 'displaced')
  }
}

type Written = Pick<Extract<StateAsk, { kind: 'commit' }>, 'draftId' | 'tokens' | 'isAside'>

/** Tokens of a prompt that a state spares; its last one is read in any case. */
function usableTokens(prompt: readonly Token[], { tokens }: FoundState): number {
  return commonLength<number>(prompt.slice(0, -1), [...tokens])
}

/** Growth that is worth a file: at the last chance all of it. */
function leastUnsaved(reason: SaveReason): number {
  return reason === 'rhythm' || reason === 'displaced' ? LEAST_UNSAVED_TOKENS : 1
}

/** False: the engine could not write it whole. (It does not look whether the last bytes reached the file.) */
async function isWritten(slot: Slot, path: string): Promise<boolean> {
  try {
    const { fileSize } = await slot.sequence.saveStateToFile(path)
    return (await stat(path)).size === fileSize
  } catch {
    return false
  }
}

function isSame(held: ArrayLike<number>, tokens: Uint32Array): boolean {
  return held.length === tokens.length && tokens.every((token, index) => token === held[index])
}
