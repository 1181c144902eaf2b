import { keepNewest } from '../spec/keep-newest.ts'
import type { FootprintEstimate, KvType } from '../spec/model.ts'
import { writeCacheFile } from '../system/atomic-file.ts'
import { readJsonFile } from '../system/json-file.ts'

/** Measurements remembered; the oldest is forgotten. */
const MAX_REMEMBERED = 1_000

/** What distinguishes one measurement from another. */
export interface FootprintKey {
  readonly engineKey: string
  readonly contextTokens: number
  readonly parallel: number
  readonly kvType: KvType
  /** Where it is not the engine's own: buffers grow with it. */
  readonly batchTokens?: number | undefined
}

/** Remembers what models were found to take on this machine: the next estimate is that. */
export class LearnedFootprints {
  readonly #path: string
  readonly #bytes: Map<string, number>

  private constructor(path: string, bytes: Map<string, number>) {
    this.#path = path
    this.#bytes = bytes
  }

  static async open(path: string): Promise<LearnedFootprints> {
    const json = await readJsonFile(path)
    const entries = typeof json === 'object' && json !== null ? Object.entries(json) : []
    const isBytes = (entry: [string, unknown]): entry is [string, number] =>
      typeof entry[1] === 'number' && entry[1] > 0
    return new LearnedFootprints(path, new Map(entries.filter(isBytes)))
  }

  /**
   * The estimate corrected by what was measured for the same weights and context: the whole is the measured one, and
   * its parts keep their proportions but the weights, which are known from the file.
   */
  correct(key: FootprintKey, estimate: FootprintEstimate): FootprintEstimate {
    const measuredBytes = this.#bytes.get(keyText(key))
    const { weightsBytes, contextBytes, processBytes } = estimate
    if (measuredBytes === undefined || measuredBytes <= weightsBytes) return estimate
    const ratio = (measuredBytes - weightsBytes) / (contextBytes + processBytes)
    const learnedContext = Math.round(contextBytes * ratio)
    return {
      weightsBytes,
      contextBytes: learnedContext,
      processBytes: measuredBytes - weightsBytes - learnedContext,
      source: 'learned',
    }
  }

  /** Remembers the footprint of a model that had its process to itself. */
  async learn(key: FootprintKey, measuredBytes: number): Promise<void> {
    const text = keyText(key)
    this.#bytes.delete(text)
    this.#bytes.set(text, measuredBytes)
    keepNewest(this.#bytes, MAX_REMEMBERED)
    await writeCacheFile(this.#path, JSON.stringify(Object.fromEntries(this.#bytes)))
  }
}

function keyText({ engineKey, contextTokens, parallel, kvType, batchTokens }: FootprintKey): string {
  const unusual = [...(kvType === 'f16' ? [] : [kvType]), ...(batchTokens === undefined ? [] : [`b${batchTokens}`])]
  return [engineKey, contextTokens, parallel, ...unusual].join('/')
}
