import { constants } from 'node:fs'
import { access, readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { OllamaLayer } from './ollama-manifest.ts'
import { fileErrorCode } from './file-error-code.ts'

/** Longest text that is read: a configuration, parameters, a system prompt. */
const MAX_TEXT_BYTES = 256 * 1024

/** Why a blob cannot be used. */
export interface BlobFault {
  /** Goes on after "the file of its weights ". */
  readonly why: string
  /** Whether it would have to be downloaded again; false = it is there, and not for us to read. */
  readonly isIncomplete: boolean
}

/**
 * The folder `blobs` of Ollama's store. A blob is called by the digest of what it holds, so one that was whole once needs
 * no second look while its name is there.
 */
export class OllamaBlobs {
  readonly folder: string
  #names: ReadonlySet<string> = new Set()
  /** Why the folder cannot be read, as the file system says it. */
  #faultCode: string | undefined
  /** Sizes of blobs that may be read, and texts of small ones, by digest. */
  #wholeBytes = new Map<string, number>()
  #texts = new Map<string, string>()

  constructor(folder: string) {
    this.folder = folder
  }

  path({ sha256 }: OllamaLayer): string {
    return join(this.folder, fileName(sha256))
  }

  /** Reads what is there, and forgets what is gone. Returns what keeps us from it, if anything does. */
  async refresh(): Promise<string | undefined> {
    this.#faultCode = undefined
    try {
      this.#names = new Set(await readdir(this.folder))
    } catch (error) {
      this.#names = new Set()
      const code = fileErrorCode(error)
      if (code !== 'ENOENT') this.#faultCode = code
    }
    const isThere = ([sha256]: [string, unknown]): boolean => this.#names.has(fileName(sha256))
    this.#wholeBytes = new Map([...this.#wholeBytes].filter(isThere))
    this.#texts = new Map([...this.#texts].filter(isThere))
    return this.#faultCode && `${this.folder} cannot be read (${this.#faultCode})`
  }

  /** Whether their names are there. */
  haveAll(layers: readonly (OllamaLayer | undefined)[]): boolean {
    return layers.every((layer) => !layer || this.#names.has(fileName(layer.sha256)))
  }

  /** `undefined` = it is whole and may be read. */
  async faultOf(layer: OllamaLayer): Promise<BlobFault | undefined> {
    if (this.#faultCode !== undefined) return { why: `cannot be read (${this.#faultCode})`, isIncomplete: false }
    if (!this.#names.has(fileName(layer.sha256))) return { why: 'is not here', isIncomplete: true }
    const sizeBytes = this.#wholeBytes.get(layer.sha256) ?? (await this.#look(layer))
    if (typeof sizeBytes === 'string') return { why: `cannot be read (${sizeBytes})`, isIncomplete: false }
    if (sizeBytes === layer.sizeBytes) return undefined
    return { why: `has ${sizeBytes} bytes instead of ${layer.sizeBytes}`, isIncomplete: true }
  }

  /** The text of a small blob; `undefined` = it cannot be used, or is larger than 256 KiB. */
  async text(layer: OllamaLayer): Promise<string | undefined> {
    if (layer.sizeBytes > MAX_TEXT_BYTES) return undefined
    const known = this.#texts.get(layer.sha256)
    if (known !== undefined) return known
    if ((await this.faultOf(layer)) !== undefined) return undefined
    try {
      const text = await readFile(this.path(layer), 'utf8')
      this.#texts.set(layer.sha256, text)
      return text
    } catch (error) {
      // Gone since the last look: as if it had never been there. What is no matter of files is thrown on.
      fileErrorCode(error)
      return undefined
    }
  }

  /** Its size, or what keeps us from reading it; only one that is whole is remembered. */
  async #look(layer: OllamaLayer): Promise<number | string> {
    try {
      const found = await stat(this.path(layer))
      if (!found.isFile()) return 'it is no file'
      await access(this.path(layer), constants.R_OK)
      if (found.size === layer.sizeBytes) this.#wholeBytes.set(layer.sha256, found.size)
      return found.size
    } catch (error) {
      return fileErrorCode(error)
    }
  }
}

function fileName(sha256: string): string {
  return `sha256-${sha256}`
}
