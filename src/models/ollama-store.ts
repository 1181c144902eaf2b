import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../spec/clock.ts'
import type { ModelEntrySettings } from '../spec/model-entry.ts'
import { ollamaWayOut } from '../spec/ollama-way-out.ts'
import { fileErrorCode } from './file-error-code.ts'
import { OllamaBlobs } from './ollama-blobs.ts'
import { type OllamaLayer, type OllamaManifest, parseOllamaManifest, remoteHostOf } from './ollama-manifest.ts'
import { ollamaDisplayName } from '../spec/ollama-name.ts'
import { ollamaParams } from './ollama-params.ts'

/** A model of Ollama's whose weights the embedded engine can try. */
export interface OllamaModel {
  /** As Ollama shows it, with its tag. */
  readonly name: string
  /** The blob of its weights. */
  readonly path: string
  readonly sizeBytes: number
  readonly modifiedAtMs: number
  /** SHA-256 of the weights by the blob's name; Ollama checked it when it downloaded them. */
  readonly sha256: string
  /** What its system, parameter and adapter layers set, as an entry of the configuration would. */
  readonly settings: ModelEntrySettings
  /** What of it is not used here, for people. */
  readonly notes: readonly string[]
}

/** A model of Ollama's that cannot be used here. */
export interface UnusableOllamaModel {
  readonly name: string
  /** Goes on after "Ollama's model x cannot be used here: ". */
  readonly why: string
  /** What a person can do; whole sentences. */
  readonly wayOut: string
}

export interface OllamaScan {
  /** The store that was read; absent = Ollama has none here. */
  readonly folder?: string
  /** What of it cannot be read, and why; absent = nothing. */
  readonly fault?: string
  /** Sorted by name, as the unusable ones. */
  readonly models: readonly OllamaModel[]
  readonly unusable: readonly UnusableOllamaModel[]
}

/** Manifests that are looked at; the rest is passed over, and told as a fault. */
const MAX_MANIFESTS = 10_000
/** One of single tensors has a layer for each, about 200 bytes. */
const MAX_MANIFEST_BYTES = 4 * 1024 * 1024
/** Manifests that are looked at side by side. */
const BATCH_SIZE = 64
/** After a look so many times as long as it took pass before the next one: a large store takes 5 % of the time at most. */
const REST_FACTOR = 19
const MAX_REST_MS = 10_000

interface ManifestFile {
  readonly path: string
  readonly name: string
}

interface ReadManifest {
  /** Of the file, by which it is remembered. */
  readonly identity: string
  readonly modifiedAtMs: number
  /** Text = what is wrong with it. */
  readonly manifest: OllamaManifest | string
}

/**
 * What Ollama has downloaded, read from its folder and never changed: `manifests/<host>/<namespace>/<model>/<tag>` is
 * JSON that names `blobs/sha256-<digest>`. A look at a store that has not changed costs one `stat` a model: manifests are
 * remembered by the file's identity, blobs by their digest.
 */
export class OllamaStore {
  readonly #folders: readonly string[]
  #manifests = new Map<string, ReadManifest>()
  readonly #adopted = new WeakMap<ReadManifest, OllamaModel>()
  readonly #clock: Clock
  #blobs: OllamaBlobs | undefined
  #last: OllamaScan = { models: [], unusable: [] }
  #restsUntilMs = -Infinity

  /** @param folders where the store may be; the first that is there is read. None = Ollama's models are not wanted. */
  constructor(folders: readonly string[], clock: Clock) {
    this.#folders = folders
    this.#clock = clock
  }

  /** What is there; of a large store, what was there a moment ago, 10 s at most. */
  async scan(): Promise<OllamaScan> {
    const startedAtMs = this.#clock.nowMs()
    if (startedAtMs < this.#restsUntilMs) return this.#last
    this.#last = await this.#look()
    const endedAtMs = this.#clock.nowMs()
    this.#restsUntilMs = endedAtMs + Math.min(MAX_REST_MS, REST_FACTOR * (endedAtMs - startedAtMs))
    return this.#last
  }

  async #look(): Promise<OllamaScan> {
    for (const folder of this.#folders) {
      const faults: string[] = []
      const files = await manifestFiles(join(folder, 'manifests'), faults)
      if (files) return this.#read(folder, files, faults)
    }
    return { models: [], unusable: [] }
  }

  async #read(folder: string, files: readonly ManifestFile[], faults: string[]): Promise<OllamaScan> {
    const blobs = await this.#refreshedBlobs(join(folder, 'blobs'), faults)
    const manifests = new Map<string, ReadManifest>()
    const models: OllamaModel[] = []
    const unusable: UnusableOllamaModel[] = []
    const adopt = async (file: ManifestFile): Promise<OllamaModel | UnusableOllamaModel | undefined> => {
      const read = await this.#manifest(file.path)
      if (!read) return undefined
      const known = this.#adopted.get(read)
      // What was whole stays as it is while its files are there: their names are digests of what they hold.
      const model = known && blobs.haveAll(layersOf(read.manifest)) ? known : await adopted(file.name, read, blobs)
      if (!('why' in model)) this.#adopted.set(read, model)
      manifests.set(file.path, read)
      return model
    }
    for (let at = 0; at < files.length; at += BATCH_SIZE) {
      for (const model of await Promise.all(files.slice(at, at + BATCH_SIZE).map(adopt))) {
        if (model && 'why' in model) unusable.push(model)
        else if (model) models.push(model)
      }
    }
    this.#manifests = manifests
    return { folder, ...(faults.length > 0 && { fault: faults.join('; ') }), models, unusable }
  }

  async #refreshedBlobs(folder: string, faults: string[]): Promise<OllamaBlobs> {
    const blobs = this.#blobs?.folder === folder ? this.#blobs : new OllamaBlobs(folder)
    this.#blobs = blobs
    const fault = await blobs.refresh()
    if (fault !== undefined) faults.push(fault)
    return blobs
  }

  /** `undefined` = it is gone again. */
  async #manifest(path: string): Promise<ReadManifest | undefined> {
    try {
      const { size, mtimeMs: modifiedAtMs, ino } = await stat(path)
      const identity = [ino, size, modifiedAtMs].join(':')
      const remembered = this.#manifests.get(path)
      if (remembered?.identity === identity) return remembered
      const manifest =
        size > MAX_MANIFEST_BYTES
          ? `it has ${size} bytes, ${MAX_MANIFEST_BYTES} are allowed`
          : parseOllamaManifest(await readFile(path, 'utf8'))
      return { identity, modifiedAtMs, manifest }
    } catch (error) {
      const code = fileErrorCode(error)
      return code === 'ENOENT' ? undefined : { identity: code, modifiedAtMs: 0, manifest: `it cannot be read: ${code}` }
    }
  }
}

async function adopted(
  name: string,
  { manifest, modifiedAtMs }: ReadManifest,
  blobs: OllamaBlobs,
): Promise<OllamaModel | UnusableOllamaModel> {
  const pullAgain = `Get it again with \`ollama pull ${name}\`.`
  if (typeof manifest === 'string') return { name, why: `its manifest is damaged (${manifest})`, wayOut: pullAgain }
  const { config, weights, adapters } = manifest
  const remoteHost = remoteHostOf((config && (await blobs.text(config))) ?? '{}')
  if (remoteHost !== undefined) {
    const why = `it runs in the cloud (${JSON.stringify(remoteHost)}), nothing of it is on this machine`
    return { name, why, wayOut: 'Start Ollama, through which grym then runs it.' }
  }
  if (!weights) {
    const why = manifest.hasTensors ? 'it is single tensors (safetensors, MLX), not a GGUF' : 'it has no weights'
    return { name, why, wayOut: ollamaWayOut(name) }
  }
  for (const layer of [weights, ...adapters]) {
    const fault = await blobs.faultOf(layer)
    if (!fault) continue
    const why = `the file of its ${layer === weights ? 'weights' : 'adapter'} ${fault.why}`
    const wayOut = fault.isIncomplete ? pullAgain : 'Let this user read it, or run it through Ollama itself.'
    return { name, why, wayOut }
  }
  const notes: string[] = []
  const settings = await settingsOf(manifest, blobs, notes)
  const { sha256, sizeBytes } = weights
  return { name, path: blobs.path(weights), sizeBytes, modifiedAtMs, sha256, settings, notes }
}

function layersOf(manifest: OllamaManifest | string): readonly (OllamaLayer | undefined)[] {
  if (typeof manifest === 'string') return []
  return [manifest.weights, manifest.system, ...manifest.params, ...manifest.adapters]
}

async function settingsOf(manifest: OllamaManifest, blobs: OllamaBlobs, notes: string[]): Promise<ModelEntrySettings> {
  const system = manifest.system && (await blobs.text(manifest.system))
  if (manifest.system && system === undefined) notes.push('its system prompt cannot be read and is left out')
  const texts: string[] = []
  for (const layer of manifest.params) texts.push((await blobs.text(layer)) ?? '')
  const params = ollamaParams(texts)
  if (!params) notes.push('its parameters cannot be read and are left out')
  if (manifest.hasTemplate) notes.push('its template (Go) is left out: that of the GGUF counts, or ChatML')
  if (manifest.hasProjector) notes.push('its projector is left out: the embedded engine reads text only')
  if (manifest.hasMessages) notes.push('the messages that it brings are left out')
  const loras = manifest.adapters.map((layer) => ({ path: blobs.path(layer), scale: 1 }))
  return { ...params, ...(system && { system }), ...(loras.length > 0 && { loras }) }
}

/** The manifests of a store, sorted by name; `undefined` = there is no such folder. */
async function manifestFiles(root: string, faults: string[]): Promise<ManifestFile[] | undefined> {
  const hosts = await namesIn(root, 'folder', faults)
  if (!hosts) return undefined
  const found: ManifestFile[] = []
  const lookInto = async (parts: readonly string[]): Promise<void> => {
    const [host = '', namespace = '', model] = parts
    const names = (await namesIn(join(root, ...parts), model === undefined ? 'folder' : 'file', faults)) ?? []
    for (const name of names) {
      if (found.length > MAX_MANIFESTS) return
      if (model === undefined) {
        await lookInto([...parts, name])
        continue
      }
      const displayName = ollamaDisplayName(host, namespace, model, name)
      if (displayName !== undefined) found.push({ path: join(root, ...parts, name), name: displayName })
    }
  }
  for (const host of hosts) await lookInto([host])
  if (found.length > MAX_MANIFESTS) {
    faults.push(`only the first ${MAX_MANIFESTS} models are looked at`)
    found.length = MAX_MANIFESTS
  }
  return found.sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** Sorted; `undefined` = there is no such folder. One that cannot be read is a fault, and empty. */
async function namesIn(folder: string, kind: 'folder' | 'file', faults: string[]): Promise<string[] | undefined> {
  try {
    const entries = await readdir(folder, { withFileTypes: true })
    const wanted = entries.filter((entry) => (kind === 'folder' ? entry.isDirectory() : entry.isFile()))
    return wanted.map(({ name }) => name).sort()
  } catch (error) {
    const code = fileErrorCode(error)
    if (code === 'ENOENT') return undefined
    faults.push(`${folder} cannot be read (${code})`)
    return []
  }
}
