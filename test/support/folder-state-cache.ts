import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { commonLength } from '../../src/spec/common-length.ts'
import type {
  NewState,
  NoDraft,
  OpenState,
  SavedState,
  StateCache,
  StateDraft,
  StateKey,
  StateQuery,
} from '../../src/spec/state-cache.ts'
import type { RestoreGain } from '../../src/spec/restored-state.ts'

interface Entry {
  readonly entryId: string
  readonly key: string
  readonly asked: NewState
  readonly path: string
  readonly tokens: Uint32Array
  readonly bytes: number
}

/** A cache of states in a folder that trusts its files, and tells all that was asked of it. */
export class FolderStateCache implements StateCache {
  readonly folder: string
  readonly entries: Entry[] = []
  readonly queries: StateQuery[] = []
  readonly begun: NewState[] = []
  readonly gains: RestoreGain[] = []
  readonly rejections: string[] = []
  /** Files that are open, and drafts that are neither kept nor given up. */
  held = 0
  abandoned = 0
  /** States that a search offers whatever is asked for. */
  offered: Partial<Pick<OpenState, 'path' | 'tokens'>> | undefined
  beforeFind: () => Promise<void> = async () => {}
  beforeBegin: (path: string) => Promise<string | NoDraft> = async (path) => path

  constructor(folder: string) {
    this.folder = folder
  }

  async find(query: StateQuery): Promise<OpenState | undefined> {
    this.queries.push(query)
    await this.beforeFind()
    const candidates = this.entries
      .filter(({ key, asked }) => key === textOf(query.key) && asked.owner.owner === query.owner)
      .map((entry) => ({ entry, common: commonLength(entry.tokens, query.tokens) }))
      .filter(({ common }) => common > query.moreThanTokens)
      .filter(({ entry, common }) => !query.mustBeWhole || common === entry.tokens.length)
      .sort((a, b) => b.common - a.common)
    const [best] = candidates
    return best && this.#opened(best.entry, best.common)
  }

  async open(entryId: string, key: StateKey): Promise<OpenState | undefined> {
    const entry = this.entries.find((other) => other.entryId === entryId && other.key === textOf(key))
    return entry && this.#opened(entry, 0)
  }

  has(entryId: string): boolean {
    return this.entries.some((entry) => entry.entryId === entryId)
  }

  async begin(asked: NewState): Promise<StateDraft | NoDraft> {
    this.begun.push(asked)
    const entryId = randomUUID()
    const own = join(this.folder, entryId)
    await writeFile(own, '')
    const path = await this.beforeBegin(own)
    if (typeof path !== 'string') return path
    this.held += 1
    return {
      path,
      commit: async (tokens): Promise<SavedState> => {
        this.held -= 1
        const bytes = readFileSync(path).length
        this.entries.push({ entryId, key: textOf(asked.key), asked, path, tokens, bytes })
        return { entryId, modelId: asked.modelId, path, tokens: tokens.length, bytes }
      },
      abandon: async () => {
        this.held -= 1
        this.abandoned += 1
        await rm(own, { force: true })
      },
    }
  }

  #opened(entry: Entry, common: number): OpenState {
    this.held += 1
    return {
      entryId: entry.entryId,
      path: entry.path,
      tokens: entry.tokens,
      commonTokens: common,
      payloadBytes: readFileSync(entry.path).length,
      ...this.offered,
      noteRestored: (gain) => void this.gains.push(gain),
      reject: async (reason) => void this.rejections.push(reason),
      [Symbol.asyncDispose]: async () => {
        this.held -= 1
      },
    }
  }
}

function textOf(key: StateKey): string {
  return JSON.stringify(Object.entries(key).sort(([a], [b]) => (a < b ? -1 : 1)))
}
