import type { OwnerId } from '../../../spec/owner-id.ts'
import type { SaveReason } from '../../../spec/state-cache.ts'
import type { RestoreGain, StateOwner } from '../../../spec/restored-state.ts'

/*
 * What worker and host say to each other about states on disk. The worker knows slots and tokens, the host knows files: a file
 * is called by a number here, which the host gave it.
 */

/** Answered by exactly one {@link StateAnswer}. */
export type StateAsk =
  | {
      readonly kind: 'find'
      readonly owner: OwnerId
      /** All of the prompt that can be reused: its last token is read in any case. */
      readonly tokens: Uint32Array
      readonly moreThanTokens: number
      readonly mustBeWhole: boolean
    }
  | {
      readonly kind: 'begin'
      readonly owner: StateOwner
      readonly expectedBytes: number
      readonly tokens: number
      readonly unsavedTokens: number
      readonly canBeCut: boolean
      readonly reason: SaveReason
    }
  | {
      readonly kind: 'commit'
      readonly draftId: number
      readonly tokens: Uint32Array
      /** Of the `saveStates` that it belongs to. */
      readonly saveId?: number
      /** A request waits for its first word: hashing would take the cores from it. */
      readonly isAside: boolean
    }
  | {
      /** Is this entry still there? */
      readonly kind: 'isKept'
      readonly entryId: string
    }

export type StateAnswer =
  | FoundState
  | { readonly kind: 'draft'; readonly draftId: number; readonly path: string }
  | { readonly kind: 'committed'; readonly entryId: string }
  | { readonly kind: 'kept' }
  /** None is found, there is no place, it could not be kept, or is not there any more. */
  | { readonly kind: 'nothing' }

export interface FoundState {
  readonly kind: 'found'
  readonly openId: number
  readonly entryId: string
  readonly path: string
  readonly tokens: Uint32Array
  readonly payloadBytes: number
}

/** What becomes of a file. With all but the first two the host closes it. */
export type StateNote =
  /** The engine reads it from here on: should it end, the file is what ended it. */
  | { readonly kind: 'reading'; readonly openId: number }
  | { readonly kind: 'read'; readonly openId: number }
  | { readonly kind: 'used'; readonly openId: number; readonly gain: RestoreGain }
  | { readonly kind: 'rejected'; readonly openId: number; readonly reason: string }
  | { readonly kind: 'unused'; readonly openId: number }
  | { readonly kind: 'abandoned'; readonly draftId: number }

/** What a state hangs on beside the files that the host knows. */
export interface StateFacts {
  /** Name and version of the binding. */
  readonly engine: string
  /** Source, release and kind of its llama.cpp. */
  readonly build: string
  /** Of the binary: system and processor. */
  readonly machine: string
  readonly gpu: string
  readonly flashAttention: string
  /** SHA-256 of the template in force. */
  readonly template: string
  readonly canBeCut: boolean
}
