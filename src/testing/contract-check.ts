import assert from 'node:assert/strict'
import type { GenerateChunk, GenerateRequest } from '../spec/chat.ts'
import type { ErrorReason } from '../spec/error-reason.ts'
import { toErrorData } from '../spec/errors.ts'
import type { ModelDefinition } from '../spec/model.ts'
import type { Provider } from '../spec/provider.ts'

/** What an engine may be unable to do. */
export type ProviderAbility =
  | 'prefix-reuse'
  | 'shared-weights'
  | 'crash'
  | 'stall'
  | 'slots'
  | 'schema'
  | 'tools'
  | 'logprobs'
  | 'completions'
  | 'counting'
  | 'embeddings'
  | 'states'

/** One provider set up for the contract, fresh for each check. */
export interface ProviderUnderTest {
  readonly provider: Provider
  /** Can be loaded. */
  readonly model: ModelDefinition
  /** Has the same weights as {@link model}: `engineKey` is equal. */
  readonly sibling: ModelDefinition
  /** Has other weights. */
  readonly other: ModelDefinition
  /** Its file is not there. */
  readonly missing: ModelDefinition
  /** Ends the engine that holds this model, from outside. */
  readonly crash: (definition: ModelDefinition) => Promise<void>
  /** Makes the engine that holds this model stand still, without ending it. Absent where it has no process. */
  readonly stall?: (definition: ModelDefinition) => Promise<void>
  /** Are any engines left running? */
  readonly hasEngines: () => Promise<boolean>
  /** Where the provider keeps states, empty at first. Absent where it keeps none. */
  readonly keptStates?: KeptStates
}

/** What a check sees of the KV states on disk, and does to them behind the provider's back. */
export interface KeptStates {
  /** States that can be restored. */
  readonly count: () => number
  /** Takes all of them away. */
  readonly clear: () => Promise<void>
  /** Flips a bit in the file of each. */
  readonly damage: () => Promise<void>
}

export interface ContractCheck {
  /** What every provider promises. */
  readonly promise: string
  /** Abilities without which it does not apply. */
  readonly needs?: readonly ProviderAbility[]
  /** It may find the model in memory, and leaves it there: where a start takes long, such checks can be run on one subject. */
  readonly mayShare?: true
  readonly run: (subject: ProviderUnderTest) => Promise<void>
}

/* What checks are written with. */

export function never(): AbortSignal {
  return new AbortController().signal
}

export function ask(content: string, maxTokens: number): GenerateRequest {
  return { messages: [{ role: 'user', content }], sampling: { temperature: 0 }, maxTokens, stop: [] }
}

export async function read(answer: AsyncIterable<GenerateChunk>): Promise<GenerateChunk[]> {
  const chunks: GenerateChunk[] = []
  for await (const chunk of answer) chunks.push(chunk)
  return chunks
}

export async function drain(answer: AsyncIterator<GenerateChunk>): Promise<void> {
  while (!(await answer.next()).done);
}

export function text(chunks: readonly GenerateChunk[]): string {
  return chunks.map((chunk) => (chunk.type === 'text' ? chunk.text : '')).join('')
}

export async function rejects(reason: ErrorReason, work: Promise<unknown>): Promise<void> {
  await assert.rejects(work, (error) => {
    assert.equal(toErrorData(error).reason, reason)
    return true
  })
}
