import type { KvType } from './model.ts'

/**
 * Whether what an engine keeps of a text can be taken to a file and back, found by trying. It hangs on the architecture, the
 * engine's version and the KV type, not on the weights: learn it once for these.
 *
 * A state restores only into a context with the same number of sequences and the same KV type; windows may differ. Copies
 * that a recurrent or sliding context keeps aside (`ModelDefinition.checkpoints`) are not in the file.
 */
export interface StateSupport {
  /** `general.architecture` of the file. */
  readonly architecture: string
  /** Name and version of the engine. */
  readonly engineVersion: string
  readonly kvType: KvType
  readonly canSave: boolean
  readonly canRestore: boolean
  /** What follows is the same to the last bit, tokens and their probabilities, as if the text had not been interrupted. */
  readonly isExact: boolean
  /** Size of a state file: so many bytes, and so many for each token (of a sliding window for those that it holds). */
  readonly fixedBytes: number
  readonly bytesPerToken: number
  /** Why not, where something is not possible: the engine's own words. */
  readonly reason?: string
}
