import { createHash } from 'node:crypto'
import { rm, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { ModelCatalog, WeightsFile, WeightsLocator } from '../spec/catalog.ts'
import type { Clock } from '../spec/clock.ts'
import { ResourceError, resourceError } from '../spec/errors.ts'
import type { ModelEntrySettings } from '../spec/model-entry.ts'
import type { FootprintEstimate, ModelDefinition, ModelId } from '../spec/model.ts'
import { nearMatches } from '../spec/near-matches.ts'
import type { ModelDescription, ModelListing } from '../spec/status.ts'
import type { DigestCache } from '../system/file-digest.ts'
import {
  type CatalogSettings,
  type ConfiguredName,
  type ContextWish,
  contextWish,
  requestDefaults,
} from './catalog-settings.ts'
import { mostCheckpoints } from './checkpoint-memory.ts'
import { mostTokens } from './context-memory.ts'
import { estimateFootprint } from './footprint-estimate.ts'
import { gpuNeed } from './gpu-need.ts'
import type { GgufMetadata } from './gguf-metadata.ts'
import type { LearnedFootprints } from './learned-footprints.ts'
import type { MetadataCache } from './metadata-cache.ts'
import { type FoundModel, scanModels } from './model-scan.ts'
import { SMOLLM2 } from './smollm2.ts'

const MAX_ID_CHARACTERS = 256
/** No window is made smaller than this to keep its KV cache within `buffers.context.max`. */
const LEAST_WINDOW_TOKENS = 256
/** A name that is not found makes the folders be read again, at most this often. */
const RESCAN_INTERVAL_MS = 2_000

export interface CatalogOptions {
  readonly clock: Clock
  /** Folders to look in, in order: grym's own first. */
  readonly folders: readonly string[]
  readonly digests: DigestCache
  readonly metadata: MetadataCache
  readonly learned: LearnedFootprints
  readonly batchTokens: number
  /** The same where layers lie on GPUs. */
  readonly gpuBatchTokens: number
  /** What is configured now. */
  readonly settings: () => CatalogSettings
}

/** A name on its way to a model. */
interface Wanted {
  readonly known: Known
  readonly wish: ContextWish
  readonly settings: ModelEntrySettings
  /** What the model is called from here on; see {@link FileCatalog.resolve}. */
  readonly id: ModelId
}

interface Known extends FoundModel {
  readonly id: ModelId
  readonly engineKey: string
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
  #scannedAtMs = -Infinity
  #scanning: Promise<void> | undefined

  constructor(options: CatalogOptions) {
    this.#options = options
  }

  /**
   * An alias is the model that it leads to, with its own defaults for requests. Only an entry that makes its context in
   * another way (window, template, adapters, slots, KV type) is a model of its own name beside it, on the same weights.
   */
  async resolve(name: string | undefined): Promise<ModelDefinition> {
    const { known, wish, settings, id } = await this.#want(name)
    const all = this.#options.settings()
    const { parallel, kvType, template, loras } = wish
    const metadata = await this.#options.metadata.read(known.path)
    const contextTokens = windowTokens(metadata, wish, this.#options.batchTokens, all.maxKvBytes)
    const shape = { contextTokens, parallel, kvType, batchTokens: this.#options.batchTokens }
    const learned = this.#options.learned.correct(
      { engineKey: known.engineKey, ...shape },
      estimateFootprint(metadata, shape),
    )
    const gpuShape = { ...shape, batchTokens: this.#options.gpuBatchTokens }
    const sizeBytes = [name ?? '', id, known.id]
      .map((key) => all.modelSizesBytes[key])
      .find((bytes) => bytes !== undefined)
    return {
      id,
      platform: 'local',
      engineKey: known.engineKey,
      contextTokens,
      parallel,
      engine: { kvType, template, loras },
      checkpoints: mostCheckpoints(metadata.contextMemory, shape),
      estimate: sizeBytes === undefined ? learned : configuredEstimate(learned, sizeBytes),
      gpu: gpuNeed(metadata, gpuShape, wish.mostGpuLayers),
      maxPromptBytes: contextTokens * metadata.longestTokenBytes,
      onlyEmbeds: !metadata.capabilities.includes('completion'),
      pinned: settings.pinned ?? false,
      priority: settings.priority ?? 0,
      defaults: requestDefaults(settings),
      idleTimeoutMs: settings.idleTimeoutMs === undefined ? 'default' : settings.idleTimeoutMs,
    }
  }

  async list(): Promise<readonly ModelListing[]> {
    await this.#scan()
    const listings: ModelListing[] = []
    const all = this.#options.settings()
    for (const { id, path, sizeBytes, modifiedAtMs } of this.#models.values()) {
      // What cannot be loaded is not offered; asked for by name it says what is wrong with it.
      const metadata = await this.#options.metadata.read(path).catch(() => undefined)
      if (!metadata) continue
      const wish = await contextWish(all.configured(id).settings, all)
      const contextTokens = windowTokens(metadata, wish, this.#options.batchTokens, all.maxKvBytes)
      const { capabilities } = metadata
      listings.push({ id, createdAtMs: modifiedAtMs, contextTokens, sizeBytes, platform: 'local', capabilities })
    }
    for (const name of all.names()) {
      if (this.#models.has(name) || this.#aliases.has(name)) continue
      // One that leads nowhere says so when it is asked for.
      const wanted = await this.#want(name).catch(() => undefined)
      const listed = wanted && listings.find(({ id }) => id === wanted.known.id)
      if (!listed || wanted.id !== name) continue
      const metadata = await this.#options.metadata.read(wanted.known.path)
      listings.push({
        ...listed,
        id: name,
        contextTokens: windowTokens(metadata, wanted.wish, this.#options.batchTokens, all.maxKvBytes),
      })
    }
    const leadsTo = all.configured(all.defaultModel).name
    const defaultId = this.#aliases.get(leadsTo) ?? leadsTo
    const rank = ({ id }: ModelListing): number => (id === defaultId ? 0 : 1)
    return listings.sort((a, b) => rank(a) - rank(b) || (a.id < b.id ? -1 : 1))
  }

  async locate(modelId: ModelId): Promise<WeightsFile> {
    const { path, sizeBytes } = await this.#find(this.#ownContexts.get(modelId) ?? modelId)
    const { trainContextTokens } = await this.#options.metadata.read(path)
    return { path, sizeBytes, contextTokens: trainContextTokens }
  }

  async about(name: string | undefined): Promise<ModelDescription> {
    const { known, wish, id } = await this.#want(name)
    const { path, sizeBytes, modifiedAtMs } = known
    const metadata = await this.#options.metadata.read(path)
    const { maxKvBytes } = this.#options.settings()
    const contextTokens = windowTokens(metadata, wish, this.#options.batchTokens, maxKvBytes)
    const { architecture, parameterCount, quantization, trainContextTokens, blockCount } = metadata
    const { chatTemplate, capabilities, vocabularySize: vocabularyTokens } = metadata
    return {
      ...{ id, createdAtMs: modifiedAtMs, contextTokens, sizeBytes, platform: 'local', capabilities },
      ...{ architecture, parameterCount, quantization, trainContextTokens, blockCount, vocabularyTokens, chatTemplate },
    }
  }

  /** Where a model's file lies and what its header says, for people to look at. */
  async describe(name: string): Promise<{ readonly path: string; readonly metadata: GgufMetadata }> {
    const { path } = (await this.#want(name)).known
    return { path, metadata: await this.#options.metadata.read(path) }
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

  /** Deletes a model's file; files outside the model folders are left alone. Returns the bytes freed. */
  async remove(name: string): Promise<number> {
    const { path, sizeBytes, id } = (await this.#want(name)).known
    if (!this.#options.folders.some((folder) => path.startsWith(folder))) {
      throw resourceError('invalid-request', `${id} was named by its path; delete the file yourself.`)
    }
    await rm(path)
    await this.#scan()
    return sizeBytes
  }

  /** Follows a name to the weights and to how its context is to be made. */
  async #want(name: string | undefined): Promise<Wanted> {
    const all = this.#options.settings()
    const written = name === undefined || name === '' || name === 'default' ? all.defaultModel : name
    // An entry of exactly this name is a person's word, whatever engine its prefix would ask.
    const entry = all.configured(written)
    const isEntry = entry.followed.includes(written)
    const found = isEntry || !isPrefixed(written) ? entry : fileOf(this.#checked(written), all)
    const known = await (found.path === undefined ? this.#find(this.#checked(found.name)) : this.#findFile(found))
    const wish = await contextWish(found.settings, all)
    const own = await contextWish(all.configured(known.id).settings, all)
    const [outermost] = found.followed
    const hasOwnContext = outermost !== undefined && outermost !== known.id && !isDeepStrictEqual(wish, own)
    const id = hasOwnContext ? outermost : known.id
    if (hasOwnContext) this.#ownContexts.set(id, known.id)
    return { known, wish, settings: found.settings, id }
  }

  #checked(name: string): string {
    if (/^(lmstudio|server):/.test(name)) {
      const engine = name.slice(0, name.indexOf(':'))
      throw invalidId(name, `'${engine}:' models need an engine that this version does not connect to yet`)
    }
    if (name.length > MAX_ID_CHARACTERS)
      throw invalidId(`${name.slice(0, 40)}…`, `it is longer than ${MAX_ID_CHARACTERS} characters`)
    // eslint-disable-next-line no-control-regex -- control characters are what is looked for
    if (/[\u0000-\u001f\u007f\\]|(^|\/)\.\.?(\/|$)|^\/|^[a-z]:[\\/]|\.gguf$/i.test(name)) {
      throw invalidId(JSON.stringify(name), 'a model is named, not found by a path')
    }
    return name.replace(/^local:/, '')
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
    const lookUp = (): Known | undefined => this.#models.get(this.#aliases.get(name) ?? name)
    const isFresh = this.#options.clock.nowMs() - this.#scannedAtMs < RESCAN_INTERVAL_MS
    const known = lookUp()
    if (known) return known
    if (!isFresh) await this.#scan()
    const found = lookUp()
    if (!found) throw this.#notFound(name)
    return found
  }

  #notFound(name: string): ResourceError {
    const near = nearMatches(name, [...this.#models.keys(), ...this.#aliases.keys()])
    const meant = near.length > 0 ? ` Did you mean ${near.join(' or ')}?` : ''
    const message = `Unknown model '${name}'.${meant} See \`grym list\`, or get it with \`grym pull\`.`
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
    const bySize = Map.groupBy(found, ({ sizeBytes }) => sizeBytes)
    const models = new Map<ModelId, Known>()
    const aliases = new Map<string, ModelId>()
    for (const model of found) {
      const engineKey = await this.#engineKey(model, (bySize.get(model.sizeBytes)?.length ?? 1) > 1)
      const isSmollm2 = engineKey === SMOLLM2.sha256 && !models.has(SMOLLM2.id)
      const id = isSmollm2 ? SMOLLM2.id : model.name
      models.set(id, { ...model, id, engineKey })
      if (isSmollm2) aliases.set(model.name, id)
    }
    this.#models = models
    this.#aliases = aliases
    this.#scannedAtMs = this.#options.clock.nowMs()
  }

  /**
   * Names the weights. Only files of equal size can be equal, and only they (and what may be `smollm2`) are read whole;
   * any other file is its own weights.
   */
  async #engineKey({ path, sizeBytes }: FoundModel, hasTwin: boolean): Promise<string> {
    if (hasTwin || sizeBytes === SMOLLM2.sizeBytes) return this.#options.digests.sha256(path)
    return createHash('sha256').update(path).digest('hex')
  }
}

async function scanOne(path: string, found: readonly FoundModel[]): Promise<FoundModel[]> {
  if (found.some((other) => other.path === path)) return []
  const { size, mtimeMs } = await stat(path)
  return [{ name: basename(path).replace(/\.gguf$/i, ''), path, sizeBytes: size, modifiedAtMs: mtimeMs }]
}

/** A file that an entry names; one that is not there is no model, and says so when it is asked for. */
async function scanNamed(name: string, path: string): Promise<FoundModel[]> {
  const found = await stat(path).catch(() => undefined)
  return found?.isFile() ? [{ name, path, sizeBytes: found.size, modifiedAtMs: found.mtimeMs }] : []
}

/** The window: what is wished for, what the model was trained for, and what its KV cache may take. */
function windowTokens(metadata: GgufMetadata, wish: ContextWish, batchTokens: number, maxKvBytes: number): number {
  const shape = { kvType: wish.kvType, batchTokens }
  const most = Math.max(LEAST_WINDOW_TOKENS, mostTokens(metadata.contextMemory, shape, maxKvBytes / wish.parallel))
  return Math.min(metadata.trainContextTokens, wish.contextTokens, most)
}

/** A person's word on the whole; what is known of its parts stays known. */
function configuredEstimate(estimate: FootprintEstimate, sizeBytes: number): FootprintEstimate {
  const weightsBytes = Math.min(estimate.weightsBytes, sizeBytes)
  const contextBytes = Math.min(estimate.contextBytes, sizeBytes - weightsBytes)
  return { weightsBytes, contextBytes, processBytes: sizeBytes - weightsBytes - contextBytes, source: 'configured' }
}

/** The file of this name, whatever else the configuration would understand by it; its own settings count. */
function fileOf(name: string, all: CatalogSettings): ConfiguredName {
  const entry = all.configured(name)
  return entry.name === name ? entry : { name, settings: {}, followed: [] }
}

function isPrefixed(name: string): boolean {
  return /^(lmstudio|server|local):/.test(name)
}

function invalidId(name: string, why: string): ResourceError {
  return resourceError('invalid-model-id', `${name} is no model id: ${why}. Use a name from \`grym list\`.`)
}
