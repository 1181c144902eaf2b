import { createHash } from 'node:crypto'
import { rm, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import type { ModelCatalog, WeightsFile, WeightsLocator } from '../spec/catalog.ts'
import type { Clock } from '../spec/clock.ts'
import { type ResourceError, resourceError } from '../spec/errors.ts'
import { DEFAULT_ENGINE_OPTIONS, type ModelDefinition, type ModelId } from '../spec/model.ts'
import { nearMatches } from '../spec/near-matches.ts'
import type { ModelListing } from '../spec/status.ts'
import type { DigestCache } from '../system/file-digest.ts'
import { estimateFootprint } from './footprint-estimate.ts'
import type { GgufMetadata } from './gguf-metadata.ts'
import type { LearnedFootprints } from './learned-footprints.ts'
import type { MetadataCache } from './metadata-cache.ts'
import { type FoundModel, scanModels } from './model-scan.ts'
import { SMOLLM2 } from './smollm2.ts'

const MAX_ID_CHARACTERS = 256
/** A name that is not found makes the folders be read again, at most this often. */
const RESCAN_INTERVAL_MS = 2_000

export interface CatalogOptions {
  readonly clock: Clock
  /** Folders to look in, in order: grym's own first. */
  readonly folders: readonly string[]
  readonly digests: DigestCache
  readonly metadata: MetadataCache
  readonly learned: LearnedFootprints
  /** The model for requests that name none. */
  readonly defaultModel: string
  /** Window of a context, unless the model was trained for less. */
  readonly contextTokens: number
  readonly parallel: number
  readonly batchTokens: number
  /** Idle time until a model is unloaded, ms; `null` = none. */
  readonly idleTimeoutMs: number | null
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
  #models = new Map<ModelId, Known>()
  /** Names by which a model is found beside its id. */
  #aliases = new Map<string, ModelId>()
  #scannedAtMs = -Infinity
  #scanning: Promise<void> | undefined

  constructor(options: CatalogOptions) {
    this.#options = options
  }

  async resolve(name: string | undefined): Promise<ModelDefinition> {
    const known = await this.#find(this.#checked(name))
    const { contextTokens: wantedTokens, parallel, batchTokens, idleTimeoutMs } = this.#options
    const metadata = await this.#options.metadata.read(known.path)
    const contextTokens = Math.min(metadata.trainContextTokens, wantedTokens)
    const { id, engineKey } = known
    const estimate = estimateFootprint(metadata, { contextTokens, parallel, batchTokens })
    return {
      id,
      platform: 'local',
      engineKey,
      contextTokens,
      parallel,
      engine: DEFAULT_ENGINE_OPTIONS,
      estimate: this.#options.learned.correct({ engineKey, contextTokens, parallel }, estimate),
      maxPromptBytes: contextTokens * metadata.longestTokenBytes,
      pinned: false,
      priority: 0,
      defaults: {},
      idleTimeoutMs,
    }
  }

  async list(): Promise<readonly ModelListing[]> {
    await this.#scan()
    const listings: ModelListing[] = []
    for (const { id, path, sizeBytes, modifiedAtMs } of this.#models.values()) {
      // What cannot be loaded is not offered; asked for by name it says what is wrong with it.
      const metadata = await this.#options.metadata.read(path).catch(() => undefined)
      if (!metadata) continue
      const contextTokens = Math.min(metadata.trainContextTokens, this.#options.contextTokens)
      listings.push({ id, createdAtMs: modifiedAtMs, contextTokens, sizeBytes, platform: 'local' })
    }
    const defaultId = this.#aliases.get(this.#options.defaultModel) ?? this.#options.defaultModel
    const rank = ({ id }: ModelListing): number => (id === defaultId ? 0 : 1)
    return listings.sort((a, b) => rank(a) - rank(b) || (a.id < b.id ? -1 : 1))
  }

  async locate(modelId: ModelId): Promise<WeightsFile> {
    const { path, sizeBytes } = await this.#find(modelId)
    const { trainContextTokens } = await this.#options.metadata.read(path)
    return { path, sizeBytes, contextTokens: trainContextTokens }
  }

  /** Where a model's file lies and what its header says, for people to look at. */
  async describe(name: string): Promise<{ readonly path: string; readonly metadata: GgufMetadata }> {
    const { path } = await this.#find(this.#checked(name))
    return { path, metadata: await this.#options.metadata.read(path) }
  }

  /** A file named by its path: only for callers of the same user, never over HTTP. Returns its id. */
  async addFile(path: string): Promise<ModelId> {
    await this.#options.metadata.read(path)
    if (!this.#added.includes(path)) this.#added.push(path)
    await this.#scan()
    const known = [...this.#models.values()].find((model) => model.path === path)
    if (!known) throw this.#notFound(basename(path))
    return known.id
  }

  /** Deletes a model's file; files outside the model folders are left alone. Returns the bytes freed. */
  async remove(name: string): Promise<number> {
    const { path, sizeBytes, id } = await this.#find(this.#checked(name))
    if (this.#added.includes(path)) {
      throw resourceError('invalid-request', `${id} was named by its path; delete the file yourself.`)
    }
    await rm(path)
    await this.#scan()
    return sizeBytes
  }

  #checked(name: string | undefined): string {
    if (name === undefined || name === '' || name === 'default') return this.#options.defaultModel
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
    return resourceError('model-not-found', message, { details: { nearMatches: near } })
  }

  /** Reads the folders; callers at the same time share one reading. */
  #scan(): Promise<void> {
    this.#scanning ??= this.#readFolders().finally(() => (this.#scanning = undefined))
    return this.#scanning
  }

  async #readFolders(): Promise<void> {
    const found = await scanModels(this.#options.folders)
    for (const path of this.#added) found.push(...(await scanOne(path, found)))
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

function invalidId(name: string, why: string): ResourceError {
  return resourceError('invalid-model-id', `${name} is no model id: ${why}. Use a name from \`grym list\`.`)
}
