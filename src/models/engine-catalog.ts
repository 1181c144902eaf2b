import { isDeepStrictEqual } from 'node:util'
import type { ModelCatalog, WindowWish } from '../spec/catalog.ts'
import { ResourceError, resourceError } from '../spec/errors.ts'
import type { ModelDefinition, ModelId } from '../spec/model.ts'
import { nearMatches } from '../spec/near-matches.ts'
import type { EngineModels, OfferedModel } from '../spec/offered-model.ts'
import { ollamaNameKey, withoutDefaultTag } from '../spec/ollama-name.ts'
import type { ModelDescription, ModelListing } from '../spec/status.ts'
import { type CatalogSettings, type ConfiguredName, contextWish, withModelDefaults } from './catalog-settings.ts'
import type { FileCatalog } from './catalog.ts'
import type { LearnedFootprints } from './learned-footprints.ts'
import type { GgufMetadata } from './gguf-metadata.ts'
import type { MetadataCache } from './metadata-cache.ts'
import { checkedName, engineAbsent, enginePrefix, isPrefixed } from './model-id.ts'
import { offeredDefinition, offeredDescription, offeredListing, type WantedOffer } from './offered-definition.ts'

export interface EngineCatalogOptions {
  readonly files: FileCatalog
  /** Those that are configured, in any order. */
  readonly engines: readonly EngineModels[]
  readonly learned: LearnedFootprints
  readonly metadata: MetadataCache
  /** What is configured now. */
  readonly settings: () => CatalogSettings
}

/** Where a name leads: to a model of another engine, or to the files, under that name. */
type Found = { readonly offer: WantedOffer } | { readonly fileName: string | undefined }

/**
 * Every model of this machine by name, whichever engine runs it. A name is looked for in this order:
 *
 * 1. `lmstudio:`, `local:` and `server:` say by themselves whom to ask
 * 2. entries of the configuration, which lead to another name or to a file
 * 3. a running Ollama server
 * 4. files: what Ollama has on disk, grym's own folders
 */
export class EngineCatalog implements ModelCatalog {
  readonly #options: EngineCatalogOptions

  constructor(options: EngineCatalogOptions) {
    this.#options = options
  }

  resolve(name: string | undefined, larger?: WindowWish): Promise<ModelDefinition> {
    return this.#withOrWithoutTag(name, (tried) => this.#resolve(tried, larger))
  }

  about(name: string | undefined): Promise<ModelDescription> {
    return this.#withOrWithoutTag(name, (tried) => this.#about(tried))
  }

  async #resolve(name: string | undefined, larger: WindowWish | undefined): Promise<ModelDefinition> {
    const found = await this.#find(name)
    const { files, learned, settings } = this.#options
    if ('offer' in found) return offeredDefinition(found.offer, settings(), learned, larger)
    const definition = await this.#amongFiles(found.fileName, (fileName) => files.resolve(fileName, larger))
    const isByFile = found.fileName?.startsWith('local:') === true
    return isByFile && (await this.#ollama()?.find(definition.id))
      ? { ...definition, id: `local:${definition.id}` }
      : definition
  }

  async #about(name: string | undefined): Promise<ModelDescription> {
    const found = await this.#find(name)
    if ('offer' in found) return offeredDescription(found.offer, this.#options.settings())
    return this.#amongFiles(found.fileName, (fileName) => this.#options.files.about(fileName))
  }

  /** Each engine is asked once, all of them and the folders at the same time. */
  async list(): Promise<readonly ModelListing[]> {
    const [offered, files] = await Promise.all([this.#offers(), this.#options.files.list()])
    const ofEngines = await Promise.all(offered.map((model) => this.#listing(model)))
    const taken = new Set(ofEngines.map(({ id }) => id))
    // A file whose name would be understood as Ollama's is asked for by `local:`.
    const ofOllama = new Set(offered.filter(isOllamas).map(({ engineName }) => ollamaNameKey(engineName)))
    const ofFiles = files
      .filter(({ id }) => !taken.has(id))
      .map((file) => (ofOllama.has(ollamaNameKey(file.id)) ? { ...file, id: `local:${file.id}` } : file))
    const [ofEntries, defaultId] = await Promise.all([this.#entryListings(taken), this.#defaultId()])
    const rank = ({ id }: ModelListing): number => (id === defaultId ? 0 : 1)
    return [...ofEngines, ...ofFiles, ...ofEntries].sort((a, b) => rank(a) - rank(b) || (a.id < b.id ? -1 : 1))
  }

  /** Why engines could not be asked, for people. */
  faults(): readonly string[] {
    return this.#options.engines.flatMap(({ fault }) => (fault === undefined ? [] : [fault]))
  }

  /** Clients of Ollama write `:latest` behind names that have no tag: where nothing is called so, it is the name without. */
  async #withOrWithoutTag<Result>(
    name: string | undefined,
    ask: (name: string | undefined) => Promise<Result>,
  ): Promise<Result> {
    try {
      return await ask(name)
    } catch (error) {
      const short = name === undefined ? undefined : withoutDefaultTag(name)
      if (!short || !(error instanceof ResourceError) || error.reason !== 'model-not-found') throw error
      return ask(short)
    }
  }

  async #find(name: string | undefined): Promise<Found> {
    const all = this.#options.settings()
    const written = name === undefined || name === '' || name === 'default' ? all.defaultModel : name
    const entry = all.configured(written)
    // An entry of exactly this name is a person's word, whatever engine its prefix would ask.
    const isEntry = entry.followed.includes(written)
    const target = isEntry || !isPrefixed(written) ? entry : { ...entry, name: written, path: undefined }
    if (target.path !== undefined || meansFile(entry)) return { fileName: name }
    const prefix = enginePrefix(target.name)
    if (prefix === 'local') return { fileName: name }
    const engine = this.#options.engines.find(({ platform }) => platform === (prefix ?? 'ollama'))
    const bare = checkedName(prefix === undefined ? target.name : target.name.slice(prefix.length + 1))
    const model = await engine?.find(bare)
    if (!model) {
      if (prefix === undefined) return { fileName: name }
      if (!engine) throw engineAbsent(target.name)
      if (engine.fault !== undefined) throw resourceError('engine-unreachable', `${target.name}: ${engine.fault}`)
      throw await this.#notFound(target.name)
    }
    return { offer: await this.#want(model, entry, all) }
  }

  /** As for files: only an entry that makes the context in another way is a model of its own name. */
  async #want(
    model: OfferedModel,
    entry: ReturnType<CatalogSettings['configured']>,
    all: CatalogSettings,
  ): Promise<WantedOffer> {
    const ownEntry = all.configured(model.id).settings
    const own = withModelDefaults(ownEntry, model.settings)
    const entrySettings = entry.followed.length > 0 ? entry.settings : ownEntry
    const settings = withModelDefaults(entrySettings, model.settings)
    const wish = await contextWish(settings, all)
    const [outermost] = entry.followed
    const hasOwnContext =
      outermost !== undefined && outermost !== model.id && !isDeepStrictEqual(wish, await contextWish(own, all))
    const file = model.header === null ? await this.#headerOf(model) : undefined
    const mayGrow = entrySettings.contextTokens === undefined
    return { model, wish, settings, file, mayGrow, id: hasOwnContext ? outermost : model.id }
  }

  /** Of a file that lies here; one that cannot be read is told by its engine when it loads it. */
  async #headerOf({ weights, isElsewhere }: OfferedModel): Promise<GgufMetadata | undefined> {
    if (weights.path === undefined || isElsewhere) return undefined
    return this.#options.metadata.read(weights.path).catch(() => undefined)
  }

  /** Asks the files; a name that they do not know may be one of another engine's, misspelt. */
  async #amongFiles<Result>(
    name: string | undefined,
    ask: (name: string | undefined) => Promise<Result>,
  ): Promise<Result> {
    try {
      return await ask(name)
    } catch (error) {
      if (error instanceof ResourceError && error.reason === 'model-not-found') {
        const written = error.details?.['name']
        const near = error.details?.['nearMatches']
        throw await this.#notFound(
          typeof written === 'string' ? written : (name ?? ''),
          Array.isArray(near) ? near : [],
        )
      }
      throw error
    }
  }

  async #notFound(name: string, nearFiles: readonly string[] = []): Promise<ResourceError> {
    const offered = await this.#offers()
    const near = [
      ...new Set([
        ...nearFiles,
        ...nearMatches(
          name,
          offered.map(({ id }) => id),
        ),
      ]),
    ].slice(0, 3)
    const meant = near.length > 0 ? ` Did you mean ${near.join(' or ')}?` : ''
    // Who is asked by prefix is the only one who could know it.
    const faults = isPrefixed(name) ? [] : this.faults()
    const unasked = faults.length > 0 ? ` Not everybody could be asked: ${faults.join(' ')}` : ''
    const message = `Unknown model '${name}'.${meant} See \`grym list\`, or get it with \`grym pull\`.${unasked}`
    return resourceError('model-not-found', message, { details: { name, nearMatches: near } })
  }

  /** What all engines offer. */
  async #offers(): Promise<readonly OfferedModel[]> {
    return (await Promise.all(this.#options.engines.map((engine) => engine.list()))).flat()
  }

  async #listing(model: OfferedModel): Promise<ModelListing> {
    const all = this.#options.settings()
    const wish = await contextWish(all.configured(model.id).settings, all)
    return offeredListing({ model, id: model.id, wish }, all)
  }

  /** Entries that are models of other engines under names of their own; one that leads nowhere says so when it is asked for. */
  async #entryListings(taken: ReadonlySet<ModelId>): Promise<readonly ModelListing[]> {
    const all = this.#options.settings()
    const names = all.names().filter((name) => !taken.has(name))
    const found = await Promise.all(names.map((name) => this.#find(name).catch(() => undefined)))
    return found.flatMap((each, index) =>
      each && 'offer' in each && each.offer.id === names[index] ? [offeredListing(each.offer, all)] : [],
    )
  }

  #ollama(): EngineModels | undefined {
    return this.#options.engines.find(({ platform }) => platform === 'ollama')
  }

  async #defaultId(): Promise<string | undefined> {
    return this.resolve(undefined).then(
      ({ id }) => id,
      // One that is not here is first of nothing.
      () => undefined,
    )
  }
}

function isOllamas({ platform }: OfferedModel): boolean {
  return platform === 'ollama'
}

/** An entry that says what is to run a file means a file: Ollama's too, though Ollama runs. */
function meansFile({ settings }: ConfiguredName): boolean {
  return settings.engine !== undefined
}
