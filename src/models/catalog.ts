import { createHash } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { basename } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { ModelCatalog, WeightsFile, WeightsLocator, WindowWish } from '../spec/catalog.ts'
import type { Clock } from '../spec/clock.ts'
import { ResourceError, resourceError } from '../spec/errors.ts'
import type { ModelEntrySettings } from '../spec/model-entry.ts'
import type { ModelDefinition, ModelId, WeightsIdentity } from '../spec/model.ts'
import { nearMatches } from '../spec/near-matches.ts'
import type { ModelDescription, ModelListing } from '../spec/status.ts'
import type { DigestCache } from '../system/file-digest.ts'
import {
  type CatalogSettings,
  type ConfiguredName,
  type ContextWish,
  contextWish,
  withModelDefaults,
} from './catalog-settings.ts'
import { windowTokens } from './context-window.ts'
import { type BatchSizes, fileDefinition, filePlatform } from './file-definition.ts'
import type { GgufMetadata } from './gguf-metadata.ts'
import type { LearnedFootprints } from './learned-footprints.ts'
import type { MetadataCache } from './metadata-cache.ts'
import { checkedName, isPrefixed } from './model-id.ts'
import { type FoundModel, scanModels, scanNamed, scanOne } from './model-scan.ts'
import { asOllamaFault, unusableError } from './ollama-errors.ts'
import { ollamaNameKey, withoutDefaultTag } from '../spec/ollama-name.ts'
import { withReadableHeaders } from './ollama-report.ts'
import { type OllamaModel, type OllamaScan, OllamaStore } from './ollama-store.ts'
import { SMOLLM2 } from './smollm2.ts'

/** A name that is not found makes the folders be read again, at most this often. */
const RESCAN_INTERVAL_MS = 2_000

export interface CatalogOptions extends BatchSizes {
  readonly clock: Clock
  /** Folders to look in, in order: grym's own first. */
  readonly folders: readonly string[]
  /** Where Ollama may keep its models, the first that is there counts; none = they are not wanted. */
  readonly ollamaFolders: readonly string[]
  readonly digests: DigestCache
  readonly metadata: MetadataCache
  readonly learned: LearnedFootprints
  /** What is configured now. */
  readonly settings: () => CatalogSettings
}

/** What is known of a model's file. */
interface FileDescription {
  readonly path: string
  readonly metadata: GgufMetadata
  /** Where it is one of Ollama's. */
  readonly ollama?: OllamaModel
}

/** A name on its way to a model. */
interface Wanted {
  readonly known: Known
  readonly wish: ContextWish
  readonly settings: ModelEntrySettings
  /** See {@link WantedFile.mayGrow}. */
  readonly mayGrow: boolean
  /** What the model is called from here on; see {@link FileCatalog.resolve}. */
  readonly id: ModelId
}

interface Known extends FoundModel {
  readonly id: ModelId
  readonly engineKey: string
  readonly weights: WeightsIdentity
  /** Where it is one of Ollama's. */
  readonly ollama?: OllamaModel
}

/** The GGUF files of this machine by name. Ids are only ever looked up among what a scan found: no path comes from one. */
export class FileCatalog implements ModelCatalog, WeightsLocator {
  readonly #options: CatalogOptions
  /** Files named by path, by the library or the command line of the same user. */
  readonly #added: string[] = []
  /** Files that entries of the configuration name, by the entry's name. */
  readonly #named = new Map<string, string>()
  #models = new Map<ModelId, Known>()
  /** Names by which a model is found beside its id. */
  #aliases = new Map<string, ModelId>()
  /** Ids of entries with a context of their own, with the model whose weights they use. */
  readonly #ownContexts = new Map<ModelId, ModelId>()
  readonly #ollamaStore: OllamaStore
  #ollama: OllamaScan = { models: [], unusable: [] }
  /** Models of Ollama's by what all ways to write their names have in common. */
  #ollamaIds = new Map<string, ModelId>()
  #scannedAtMs = -Infinity
  #scanning: Promise<void> | undefined

  constructor(options: CatalogOptions) {
    this.#options = options
    this.#ollamaStore = new OllamaStore(options.ollamaFolders, options.clock)
  }

  /**
   * An alias is the model that it leads to, with its own defaults for requests. Only an entry that makes its context in
   * another way (window, template, adapters, slots, KV type) is a model of its own name beside it, on the same weights.
   */
  async resolve(name: string | undefined, larger?: WindowWish): Promise<ModelDefinition> {
    const { known, wish, settings, mayGrow, id } = await this.#want(name)
    const { engineKey, weights, id: fileId } = known
    const wanted = { id, fileId, engineKey, weights, metadata: await this.#header(known), wish, settings, mayGrow }
    return fileDefinition(wanted, name ?? '', this.#options.settings(), this.#options.learned, this.#options, larger)
  }

  async list(): Promise<readonly ModelListing[]> {
    await this.#scan()
    const listings: ModelListing[] = []
    const all = this.#options.settings()
    for (const known of this.#models.values()) {
      const { id, sizeBytes, modifiedAtMs } = known
      // What cannot be loaded is not offered; asked for by name it says what is wrong with it.
      const metadata = await this.#header(known).catch(() => undefined)
      if (!metadata) continue
      const wish = await contextWish(this.#ownSettings(known), all)
      const contextTokens = windowTokens(metadata, wish, this.#options.batchTokens, all.maxKvBytes)
      const { capabilities } = metadata
      const platform = filePlatform(wish)
      listings.push({ id, createdAtMs: modifiedAtMs, contextTokens, sizeBytes, platform, capabilities })
    }
    for (const name of all.names()) {
      if (this.#models.has(name) || this.#aliases.has(name)) continue
      // One that leads nowhere says so when it is asked for.
      const wanted = await this.#want(name).catch(() => undefined)
      const listed = wanted && listings.find(({ id }) => id === wanted.known.id)
      if (!listed || wanted.id !== name) continue
      const metadata = await this.#header(wanted.known)
      listings.push({
        ...listed,
        id: name,
        platform: filePlatform(wanted.wish),
        contextTokens: windowTokens(metadata, wanted.wish, this.#options.batchTokens, all.maxKvBytes),
      })
    }
    const leadsTo = all.configured(all.defaultModel).name
    const defaultId = this.#lookUp(leadsTo)?.id ?? leadsTo
    const rank = ({ id }: ModelListing): number => (id === defaultId ? 0 : 1)
    return listings.sort((a, b) => rank(a) - rank(b) || (a.id < b.id ? -1 : 1))
  }

  async locate(modelId: ModelId): Promise<WeightsFile> {
    const known = await this.#find(this.#ownContexts.get(modelId) ?? modelId)
    const { path, sizeBytes, ollama } = known
    const { trainContextTokens } = await this.#header(known)
    return { path, sizeBytes, contextTokens: trainContextTokens, ...(ollama && { ollamaName: ollama.name }) }
  }

  async about(name: string | undefined): Promise<ModelDescription> {
    const { known, wish, id } = await this.#want(name)
    const { sizeBytes, modifiedAtMs } = known
    const metadata = await this.#header(known)
    const { maxKvBytes } = this.#options.settings()
    const contextTokens = windowTokens(metadata, wish, this.#options.batchTokens, maxKvBytes)
    const { architecture, parameterCount, quantization, trainContextTokens, blockCount } = metadata
    const { chatTemplate, capabilities, vocabularySize: vocabularyTokens, embeddingLength } = metadata
    return {
      ...{ id, createdAtMs: modifiedAtMs, contextTokens, sizeBytes, platform: filePlatform(wish), capabilities },
      ...{ architecture, parameterCount, quantization, trainContextTokens, blockCount, vocabularyTokens, chatTemplate },
      embeddingLength: embeddingLength > 0 ? embeddingLength : null,
    }
  }

  /** Where a model's file lies and what its header says, for people to look at. */
  async describe(name: string): Promise<FileDescription> {
    const { known } = await this.#want(name)
    return { path: known.path, metadata: await this.#header(known), ...(known.ollama && { ollama: known.ollama }) }
  }

  /** What Ollama has downloaded, with what of it can be used here by its headers. */
  async ollama(): Promise<OllamaScan> {
    await this.#scan()
    return withReadableHeaders(this.#ollama, this.#options.metadata)
  }

  /** A file named by its path: only for callers of the same user, never over HTTP. Returns its id. */
  async addFile(path: string): Promise<ModelId> {
    await this.#readNamed(path, `There is no file ${path}.`)
    if (!this.#added.includes(path)) this.#added.push(path)
    await this.#scan()
    const known = [...this.#models.values()].find((model) => model.path === path)
    if (!known) throw this.#notFound(basename(path))
    return known.id
  }

  /** Rejects with `invalid-request` for a model whose file is not ours to delete: Ollama's, and one outside the folders. */
  async checkRemovable(name: string): Promise<void> {
    this.#refuseForeign((await this.#want(name)).known)
  }

  /** Deletes a model's file, or rejects as {@link checkRemovable}. Returns the bytes freed. */
  async remove(name: string): Promise<number> {
    const { known } = await this.#want(name)
    this.#refuseForeign(known)
    const { path, sizeBytes } = known
    await rm(path)
    await this.#scan()
    return sizeBytes
  }

  #refuseForeign({ id, path, ollama }: Known): void {
    if (ollama) {
      const message = `${id} belongs to Ollama, which deletes it with \`ollama rm ${ollama.name}\`. grym only reads Ollama's models; \`models.ollama: false\` leaves them out.`
      throw resourceError('invalid-request', message)
    }
    if (this.#options.folders.some((folder) => path.startsWith(folder))) return
    throw resourceError('invalid-request', `${id} was named by its path; delete the file yourself.`)
  }

  /** What a model's file says of it. */
  async #header({ path, ollama }: Known): Promise<GgufMetadata> {
    try {
      return await this.#options.metadata.read(path)
    } catch (error) {
      throw ollama ? asOllamaFault(error, ollama.name) : error
    }
  }

  /** What is set for a model under its own name: by its entry, which `:latest` may go without, and by Ollama. */
  #ownSettings(known: Known): ModelEntrySettings {
    return withModelDefaults(this.#ownEntry(known), known.ollama?.settings)
  }

  #ownEntry({ id, ollama }: Known): ModelEntrySettings {
    const all = this.#options.settings()
    const entry = all.configured(id)
    const short = ollama && withoutDefaultTag(id)
    if (entry.followed.length > 0 || short === undefined || this.#models.has(short)) return entry.settings
    const { name, path, settings } = all.configured(short)
    return name === short && path === undefined ? settings : {}
  }

  /** Follows a name to the weights and to how its context is to be made. */
  async #want(name: string | undefined): Promise<Wanted> {
    const all = this.#options.settings()
    const written = name === undefined || name === '' || name === 'default' ? all.defaultModel : name
    // An entry of exactly this name is a person's word, whatever engine its prefix would ask.
    const entry = all.configured(written)
    const isEntry = entry.followed.includes(written)
    const isByFile = !isEntry && isPrefixed(written)
    const found = isByFile ? fileOf(checkedName(written), all) : entry
    const wanted = isByFile ? written : found.name
    checkedName(wanted)
    const known = await (found.path === undefined ? this.#find(wanted) : this.#findFile(found))
    const own = this.#ownSettings(known)
    const isByOwnName = known.ollama !== undefined && found.followed.length === 0
    const entrySettings = isByOwnName ? this.#ownEntry(known) : found.settings
    const settings = withModelDefaults(entrySettings, known.ollama?.settings)
    const wish = await contextWish(settings, all)
    const [outermost] = found.followed
    const hasOwnContext =
      outermost !== undefined && outermost !== known.id && !isDeepStrictEqual(wish, await contextWish(own, all))
    const id = hasOwnContext ? outermost : known.id
    if (hasOwnContext) this.#ownContexts.set(id, known.id)
    return { known, wish, settings, mayGrow: entrySettings.contextTokens === undefined, id }
  }

  /** The model of an entry that names its file. */
  async #findFile({ name, path = '' }: ConfiguredName): Promise<Known> {
    const missing = `The file that models.entries names for '${name}' is not there (${basename(path)}). \`grym config check\` says where it is looked for; if it is to be pulled, run \`grym pull ${name}\`.`
    await this.#readNamed(path, missing)
    if (this.#named.get(name) !== path) {
      this.#named.set(name, path)
      await this.#scan()
    }
    return this.#find(name)
  }

  /** Throws `model-file-corrupt`, and `model-file-missing` in words for who named the file. */
  async #readNamed(path: string, missing: string): Promise<void> {
    try {
      await this.#options.metadata.read(path)
    } catch (error) {
      const isMissing = error instanceof ResourceError && error.reason === 'model-file-missing'
      throw isMissing ? resourceError('model-file-missing', missing, { cause: error }) : error
    }
  }

  async #find(name: string): Promise<Known> {
    const isFresh = this.#options.clock.nowMs() - this.#scannedAtMs < RESCAN_INTERVAL_MS
    const known = this.#lookUp(name)
    if (known) return known
    if (!isFresh) await this.#scan()
    const found = this.#lookUp(name)
    if (!found) throw this.#notFound(name)
    return found
  }

  /** An id as it is; a name of Ollama's in any way it may be written; the same without `local:`. */
  #lookUp(name: string): Known | undefined {
    const known = this.#models.get(this.#aliases.get(name) ?? name)
    if (known) return known
    const ollamaId = this.#ollamaIds.get(ollamaNameKey(name))
    if (ollamaId !== undefined) return this.#models.get(ollamaId)
    return name.startsWith('local:') ? this.#lookUp(name.slice('local:'.length)) : undefined
  }

  #notFound(name: string): ResourceError {
    const key = ollamaNameKey(name)
    const unusable = this.#ollama.unusable.find((model) => ollamaNameKey(model.name) === key)
    if (unusable) return unusableError(unusable)
    const near = nearMatches(name, [...this.#models.keys(), ...this.#aliases.keys()])
    const meant = near.length > 0 ? ` Did you mean ${near.join(' or ')}?` : ''
    // Where it lies is told to who has this machine, not over HTTP.
    const isRead = this.#ollama.fault === undefined
    const unread = isRead ? '' : " Not all of Ollama's models can be looked at; `grym doctor` says why."
    const message = `Unknown model '${name}'.${meant} See \`grym list\`, or get it with \`grym pull\`.${unread}`
    return resourceError('model-not-found', message, { details: { name, nearMatches: near } })
  }

  /** Reads the folders; callers at the same time share one reading. */
  #scan(): Promise<void> {
    this.#scanning ??= this.#readFolders().finally(() => (this.#scanning = undefined))
    return this.#scanning
  }

  async #readFolders(): Promise<void> {
    const scanned = await scanModels(this.#options.folders)
    for (const path of this.#added) scanned.push(...(await scanOne(path, scanned)))
    for (const name of this.#options.settings().fileEntries()) {
      const { path } = this.#options.settings().configured(name)
      if (path !== undefined) this.#named.set(name, path)
    }
    const named = new Set(this.#named.values())
    const found = scanned.filter(({ path }) => !named.has(path))
    for (const [name, path] of this.#named) found.push(...(await scanNamed(name, path)))
    const ollama = await this.#ollamaStore.scan()
    const bySize = Map.groupBy([...found, ...ollama.models], ({ sizeBytes }) => sizeBytes)
    const models = new Map<ModelId, Known>()
    const aliases = new Map<string, ModelId>()
    const ollamaIds = new Map<string, ModelId>()
    for (const model of ollama.models) {
      const { name, path, sizeBytes, modifiedAtMs, sha256: engineKey } = model
      const weights = { path, sha256: engineKey }
      models.set(name, { id: name, name, path, sizeBytes, modifiedAtMs, engineKey, weights, ollama: model })
      ollamaIds.set(ollamaNameKey(name), name)
    }
    for (const model of found) {
      const { path } = model
      const sha256 = await this.#digest(model, (bySize.get(model.sizeBytes)?.length ?? 1) > 1)
      const isSmollm2 = sha256 === SMOLLM2.sha256 && !models.has(SMOLLM2.id)
      const name = isSmollm2 ? SMOLLM2.id : model.name
      // Ollama's come first under a name; the file is still there by `local:`.
      const id = ollamaIds.has(ollamaNameKey(name)) ? `local:${name}` : name
      const engineKey = sha256 ?? createHash('sha256').update(path).digest('hex')
      models.set(id, { ...model, id, engineKey, weights: { path, ...(sha256 !== undefined && { sha256 }) } })
      if (isSmollm2) aliases.set(model.name, id)
    }
    this.#models = models
    this.#aliases = aliases
    this.#ollama = ollama
    this.#ollamaIds = ollamaIds
    this.#scannedAtMs = this.#options.clock.nowMs()
  }

  /** Only files of equal size can be equal, and only they (and what may be `smollm2`) are read whole. */
  async #digest({ path, sizeBytes }: FoundModel, hasTwin: boolean): Promise<string | undefined> {
    return hasTwin || sizeBytes === SMOLLM2.sizeBytes ? this.#options.digests.sha256(path) : undefined
  }
}

/** The file of this name, whatever else the configuration would understand by it; its own settings count. */
function fileOf(name: string, all: CatalogSettings): ConfiguredName {
  const entry = all.configured(name)
  return entry.name === name ? entry : { name, settings: {}, followed: [] }
}
