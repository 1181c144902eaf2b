import type { Clock } from '../../spec/clock.ts'
import { ResourceError } from '../../spec/errors.ts'
import type { EngineKey } from '../../spec/model.ts'
import type { EngineModels, OfferedModel } from '../../spec/offered-model.ts'
import { ollamaNameKey } from '../../spec/ollama-name.ts'
import { KeptList, type ListAnswer } from '../kept-list.ts'
import type { OllamaConnection } from './ollama-connection.ts'
import { readShow, readTags, type ShownModel, type TaggedModel } from './ollama-replies.ts'

export interface OllamaModelsOptions {
  readonly connection: OllamaConnection
  readonly clock: Clock
  /** Somebody has configured it, so that its silence is a fault from the start. */
  readonly isExpected: boolean
  /** `OLLAMA_NUM_PARALLEL` of that server, which cannot be asked for over HTTP. Default 1, as Ollama has it. */
  readonly parallel?: number
}

const LIST_DEADLINE_MS = 2_000
/** Where nobody expects an Ollama, so that requests for other engines' models wait no longer for one that is silent. */
const UNEXPECTED_LIST_DEADLINE_MS = 1_000
/** For all descriptions that one question needs. */
const SHOW_DEADLINE_MS = 5_000
/** Questions about single models at once, when a whole list is described. */
const MAX_SHOWS_AT_ONCE = 4

/** One model of the list with what is known of it. */
interface KnownModel {
  readonly tag: TaggedModel
  /** `undefined` where Ollama could not describe it: what only the list says has to do. */
  readonly shown: ShownModel | undefined
}

/** What an Ollama has on disk: its list (see {@link KeptList}), and the description of each model, kept as long as it is the same. */
export class OllamaModels implements EngineModels {
  readonly platform = 'ollama'
  readonly #options: OllamaModelsOptions
  readonly #parallel: number
  /** By digest of the manifest: the same digest is the same model. */
  readonly #shown = new Map<string, Promise<ShownModel | undefined>>()
  readonly #tags: KeptList<TaggedModel>
  #last: readonly TaggedModel[] = []
  #isKnown: boolean
  #fault: string | undefined

  constructor(options: OllamaModelsOptions) {
    this.#options = options
    this.#parallel = options.parallel ?? 1
    this.#isKnown = options.isExpected
    const { clock, isExpected } = options
    this.#tags = new KeptList({ clock, isExpected, ask: () => this.#readTags() })
  }

  get fault(): string | undefined {
    return this.#isKnown ? this.#fault : undefined
  }

  async find(name: string): Promise<OfferedModel | undefined> {
    const known = await this.#known(name)
    return known && this.#offer(known)
  }

  async list(): Promise<readonly OfferedModel[]> {
    const offered: OfferedModel[] = []
    const queue = (await this.#tags.rows()).values()
    const untilMs = this.#options.clock.nowMs() + SHOW_DEADLINE_MS
    const describe = async (): Promise<void> => {
      for (const tag of queue) offered.push(this.#offer({ tag, shown: await this.#show(tag, untilMs) }))
    }
    await Promise.all(Array.from({ length: MAX_SHOWS_AT_ONCE }, describe))
    return offered.sort((a, b) => (a.id < b.id ? -1 : Number(a.id > b.id)))
  }

  /** What Ollama says of a model, by any way to write its name; `undefined` where it has none or does not say. */
  async describe(name: string): Promise<ShownModel | undefined> {
    return (await this.#known(name))?.shown
  }

  /** Bytes of a model on disk, all of its layers; `undefined` = not known. */
  async sizeOnDiskBytes(name: string): Promise<number | undefined> {
    return (await this.#known(name))?.tag.sizeBytes ?? undefined
  }

  /** Which weights a model in memory has, by its name there: two names may stand for the same. */
  async engineKeyOf(name: string): Promise<EngineKey | undefined> {
    const known = await this.#known(name)
    return known && engineKeyOf(known)
  }

  async #known(name: string): Promise<KnownModel | undefined> {
    const wanted = ollamaNameKey(name)
    const tag = (await this.#tags.rows()).find((each) => ollamaNameKey(each.name) === wanted)
    return tag && { tag, shown: await this.#show(tag, this.#options.clock.nowMs() + SHOW_DEADLINE_MS) }
  }

  #offer(known: KnownModel): OfferedModel {
    const { tag, shown } = known
    const { weightsSha256 } = shown ?? {}
    return {
      id: tag.name,
      engineName: tag.name,
      platform: 'ollama',
      engineKey: engineKeyOf(known),
      modifiedAtMs: tag.modifiedAtMs,
      sizeBytes: tag.sizeBytes,
      weights: weightsSha256 === undefined ? {} : { sha256: weightsSha256 },
      capabilities: shown?.capabilities ?? [],
      architecture: shown?.architecture ?? null,
      parameterCount: shown?.parameterCount ?? null,
      quantization: shown?.quantization ?? null,
      trainContextTokens: shown?.trainContextTokens ?? null,
      // Ollama's templates are Go's.
      chatTemplate: null,
      header: shown?.header ?? null,
      fixedContextTokens: null,
      fixedParallel: this.#parallel,
      footprintBytes: null,
      isElsewhere: tag.isRemote,
      // Ollama applies a model's own system prompt and parameters itself.
      settings: {},
    }
  }

  /** Asks for the list; where Ollama cannot be asked an empty one, or the last one. */
  async #readTags(): Promise<ListAnswer<TaggedModel>> {
    const { connection, isExpected } = this.#options
    const deadlineMs = isExpected ? LIST_DEADLINE_MS : UNEXPECTED_LIST_DEADLINE_MS
    try {
      const tags = readTags(await connection.get('/api/tags', { deadlineMs }))
      this.#isKnown = true
      this.#fault = undefined
      const digests = new Set(tags.map(({ digest }) => digest))
      this.#last = tags
      for (const digest of this.#shown.keys()) if (!digests.has(digest)) this.#shown.delete(digest)
      return { rows: tags, hasFailed: false }
    } catch (error) {
      if (!(error instanceof ResourceError)) throw error
      // It is told as a fault, to whom it is one: without an Ollama there are no models of it. One that is only slow still
      // has those that it had.
      this.#fault = error.message
      return { rows: error.details?.['isLate'] === true ? this.#last : [], hasFailed: true }
    }
  }

  /** @param untilMs no longer is it waited for, where it has to be asked for. */
  #show(tag: TaggedModel, untilMs: number): Promise<ShownModel | undefined> {
    const known = this.#shown.get(tag.digest)
    if (known) return known
    const deadlineMs = untilMs - this.#options.clock.nowMs()
    if (deadlineMs <= 0) return Promise.resolve(undefined)
    const shown = this.#readShow(tag, deadlineMs)
    this.#shown.set(tag.digest, shown)
    return shown
  }

  async #readShow({ name, digest }: TaggedModel, deadlineMs: number): Promise<ShownModel | undefined> {
    const call = { deadlineMs, model: name }
    try {
      return readShow(await this.#options.connection.post('/api/show', { model: name }, call))
    } catch (error) {
      if (!(error instanceof ResourceError)) throw error
      // One model that cannot be described must not hide the others; it is asked for again next time.
      this.#shown.delete(digest)
      return undefined
    }
  }
}

/** By the digest of the weights, which names of the same model share; else by that of the manifest, which is its own. */
function engineKeyOf({ tag, shown }: KnownModel): EngineKey {
  return shown?.weightsSha256 === undefined ? `ollama:${tag.digest}` : `ollama:sha256-${shown.weightsSha256}`
}
