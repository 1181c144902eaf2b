import type { Capability } from '../../spec/status.ts'
import { countOf, type Foreign, listOf, objectOf, textOf } from './foreign-values.ts'

/** A model on disk, as `/api/tags` lists it. */
export interface TaggedModel {
  readonly name: string
  /** SHA-256 of the manifest. */
  readonly digest: string
  readonly modifiedAtMs: number
  /** All of its layers. */
  readonly sizeBytes: number | null
  /** It runs on somebody else's machine. */
  readonly isRemote: boolean
}

/** A model in memory, as `/api/ps` lists it. */
export interface ResidentModel {
  /** The name that it was loaded by; others on the same weights are not told. */
  readonly name: string
  readonly digest: string
  readonly sizeBytes: number
  readonly sizeVramBytes: number
  /** Window of each of its slots; `undefined` where an old version does not tell. */
  readonly contextTokens: number | undefined
}

/** Options that a model brings along (`PARAMETER` of its Modelfile) as far as grym has to know them. */
export interface OwnParameters {
  readonly batchTokens?: number
  readonly gpuLayers?: number
  readonly mainGpu?: number
  readonly threads?: number
  readonly mayMap?: boolean
  /** A request's own stop strings would take their place. */
  readonly stop: readonly string[]
}

/** What `/api/show` says of a model. */
export interface ShownModel {
  /** SHA-256 of the weights, from the name of their blob. */
  readonly weightsSha256: string | undefined
  /** Where the blob lies, as the server itself sees it: it may run in a container, or on another machine. */
  readonly weightsPath: string | undefined
  readonly parameters: OwnParameters
  readonly capabilities: readonly Capability[]
  readonly header: Foreign | null
  readonly architecture: string | null
  readonly parameterCount: number | null
  readonly quantization: string | null
  readonly trainContextTokens: number | null
}

export function readTags(reply: unknown): TaggedModel[] {
  return listOf(objectOf(reply)['models']).flatMap((value) => {
    const entry = objectOf(value)
    const name = textOf(entry['name']) ?? textOf(entry['model'])
    if (name === undefined) return []
    const modifiedAtMs = Date.parse(textOf(entry['modified_at']) ?? '')
    return {
      name,
      digest: textOf(entry['digest']) ?? name,
      modifiedAtMs: Number.isNaN(modifiedAtMs) ? 0 : modifiedAtMs,
      sizeBytes: countOf(entry['size']) ?? null,
      isRemote: textOf(entry['remote_host']) !== undefined,
    }
  })
}

export function readResidents(reply: unknown): ResidentModel[] {
  return listOf(objectOf(reply)['models']).flatMap((value) => {
    const entry = objectOf(value)
    const name = textOf(entry['name']) ?? textOf(entry['model'])
    if (name === undefined) return []
    return {
      name,
      digest: textOf(entry['digest']) ?? name,
      sizeBytes: countOf(entry['size']) ?? 0,
      sizeVramBytes: countOf(entry['size_vram']) ?? 0,
      contextTokens: countOf(entry['context_length']),
    }
  })
}

export function readShow(reply: unknown): ShownModel {
  const show = objectOf(reply)
  const info = objectOf(show['model_info'])
  const details = objectOf(show['details'])
  const architecture = textOf(info['general.architecture']) ?? textOf(details['family']) ?? null
  const quantization = textOf(details['quantization_level'])
  const [, weightsPath, sha256] = WEIGHTS.exec(textOf(show['modelfile']) ?? '') ?? []
  return {
    weightsSha256: sha256?.toLowerCase(),
    weightsPath,
    parameters: readParameters(textOf(show['parameters']) ?? ''),
    capabilities: listOf(show['capabilities']).filter(isCapability),
    header: Object.keys(info).length > 0 ? info : null,
    architecture,
    parameterCount: countOf(info['general.parameter_count']) ?? null,
    quantization: quantization === undefined || quantization === 'unknown' ? null : quantization,
    trainContextTokens: countOf(info[`${architecture}.context_length`]) ?? null,
  }
}

/** The first `FROM` names the blob of the weights; further ones are projectors, and the one behind `#` is a hint. */
const WEIGHTS = /^FROM\s+(\S.*sha256[-:]([0-9a-f]{64}))\s*$/im

/** Lines of a name, white space and a value in Go's notation, one for each string of a list. */
function readParameters(text: string): OwnParameters {
  const values = new Map<string, unknown[]>()
  for (const line of text.split('\n')) {
    const [, name, written] = /^(\w+)\s+(\S.*?)\s*$/.exec(line) ?? []
    if (name === undefined || written === undefined) continue
    values.set(name, [...(values.get(name) ?? []), valueOf(written)])
  }
  const number = (name: string): number | undefined => {
    const value = values.get(name)?.at(-1)
    return typeof value === 'number' && Number.isInteger(value) ? value : undefined
  }
  const mayMap = values.get('use_mmap')?.at(-1)
  return {
    ...given('batchTokens', number('num_batch')),
    ...given('gpuLayers', number('num_gpu')),
    ...given('mainGpu', number('main_gpu')),
    ...given('threads', number('num_thread')),
    ...given('mayMap', typeof mayMap === 'boolean' ? mayMap : undefined),
    stop: (values.get('stop') ?? []).filter((value) => typeof value === 'string'),
  }
}

/** Go quotes nearly as JSON does; what only Go can read is taken as it stands. */
function valueOf(written: string): unknown {
  try {
    return JSON.parse(written) as unknown
  } catch {
    return written
  }
}

function given<Name extends string, Value>(name: Name, value: Value | undefined): { [Key in Name]?: Value } {
  return value === undefined ? {} : ({ [name]: value } as { [Key in Name]?: Value })
}

const CAPABILITIES: ReadonlySet<unknown> = new Set<Capability>([
  'completion',
  'embedding',
  'tools',
  'insert',
  'thinking',
  'vision',
])

function isCapability(value: unknown): value is Capability {
  return CAPABILITIES.has(value)
}
