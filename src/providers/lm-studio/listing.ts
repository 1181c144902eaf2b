import type { Capability } from '../../spec/status.ts'

/** Which of its interfaces LM Studio answers by: since 0.4.0, since 0.3.6, and before. */
export type LmStudioInterface = 'v1' | 'v0' | 'openai'

/** A model in memory, as LM Studio tells of it. */
export interface LmStudioInstance {
  /** The model's key, `key:2` for a second one of it, or a name that a person gave. */
  readonly id: string
  readonly contextTokens: number | null
  readonly parallel: number | null
}

/** A model that LM Studio has. What it does not tell is `null`. */
export interface LmStudioModel {
  readonly key: string
  readonly onlyEmbeds: boolean
  readonly capabilities: readonly Capability[]
  readonly architecture: string | null
  readonly quantization: string | null
  readonly sizeBytes: number | null
  readonly parameterCount: number | null
  readonly trainContextTokens: number | null
  /** In memory; `null` = this interface does not tell. */
  readonly instances: readonly LmStudioInstance[] | null
}

/** Where each interface lists its models, the newest first. */
export const LISTING_PATHS: readonly (readonly [LmStudioInterface, string])[] = [
  ['v1', '/api/v1/models'],
  ['v0', '/api/v0/models'],
  ['openai', '/v1/models'],
]

/**
 * Reads a list of models. LM Studio answers unknown paths with status 200 and an error, so only the form of a reply tells
 * whether it has the interface.
 * @returns `undefined` when it is no list of this interface. Rows without a name are left out.
 */
export function readListing(by: LmStudioInterface, body: unknown): readonly LmStudioModel[] | undefined {
  const rows = recordOf(body)[by === 'v1' ? 'models' : 'data']
  if (!Array.isArray(rows)) return undefined
  return rows.flatMap((row: unknown) => READERS[by](recordOf(row)) ?? [])
}

/** Of several instances of a model the one with the largest window is used. */
export function widestInstance(instances: LmStudioModel['instances']): LmStudioInstance | undefined {
  return (instances ?? []).toSorted((a, b) => (b.contextTokens ?? 0) - (a.contextTokens ?? 0))[0]
}

type Row = Readonly<Record<string, unknown>>

const READERS: Readonly<Record<LmStudioInterface, (row: Row) => LmStudioModel | undefined>> = {
  v1: (row) => {
    const key = textOf(row['key'])
    if (key === null) return undefined
    const told = recordOf(row['capabilities'])
    const onlyEmbeds = row['type'] === 'embedding'
    const instances = Array.isArray(row['loaded_instances']) ? row['loaded_instances'] : []
    return {
      key,
      onlyEmbeds,
      capabilities: capabilitiesOf(onlyEmbeds, {
        vision: told['vision'] === true,
        tools: told['trained_for_tool_use'] === true,
        thinking: told['reasoning'] !== undefined && told['reasoning'] !== null,
      }),
      architecture: textOf(row['architecture']),
      quantization: textOf(recordOf(row['quantization'])['name']),
      sizeBytes: countOf(row['size_bytes']),
      parameterCount: parameterCountOf(textOf(row['params_string'])),
      trainContextTokens: countOf(row['max_context_length']),
      instances: instances.flatMap((each: unknown) => {
        const id = textOf(recordOf(each)['id'])
        const config = recordOf(recordOf(each)['config'])
        const contextTokens = countOf(config['context_length'])
        return id === null ? [] : [{ id, contextTokens, parallel: countOf(config['parallel']) }]
      }),
    }
  },
  v0: (row) => {
    const key = textOf(row['id'])
    if (key === null) return undefined
    const told = Array.isArray(row['capabilities']) ? (row['capabilities'] as unknown[]) : []
    const onlyEmbeds = row['type'] === 'embeddings'
    const loaded = { id: key, contextTokens: countOf(row['loaded_context_length']), parallel: null }
    return {
      key,
      onlyEmbeds,
      capabilities: capabilitiesOf(onlyEmbeds, {
        vision: row['type'] === 'vlm',
        tools: told.includes('tool_use'),
        thinking: false,
      }),
      architecture: textOf(row['arch']),
      quantization: textOf(row['quantization']),
      sizeBytes: null,
      parameterCount: null,
      trainContextTokens: countOf(row['max_context_length']),
      instances: row['state'] === 'loaded' ? [loaded] : [],
    }
  },
  openai: (row) => {
    const key = textOf(row['id'])
    if (key === null) return undefined
    // All that tells them apart here: LM Studio puts it in front of the names of embedding models.
    const onlyEmbeds = key.startsWith('text-embedding-')
    return {
      key,
      onlyEmbeds,
      capabilities: capabilitiesOf(onlyEmbeds, {}),
      architecture: null,
      quantization: null,
      sizeBytes: null,
      parameterCount: null,
      trainContextTokens: null,
      instances: null,
    }
  },
}

function capabilitiesOf(
  onlyEmbeds: boolean,
  has: { vision?: boolean; tools?: boolean; thinking?: boolean },
): readonly Capability[] {
  if (onlyEmbeds) return ['embedding']
  const also = (['vision', 'tools', 'thinking'] as const).filter((each) => has[each])
  return ['completion', ...also]
}

/** `26B-A4B`, `7B`, `600M`: a label, and as exact as one. */
function parameterCountOf(label: string | null): number | null {
  const [, number, unit] = /^(\d+(?:\.\d+)?)([MB])/i.exec(label ?? '') ?? []
  if (number === undefined || unit === undefined) return null
  return Math.round(Number(number) * (unit.toUpperCase() === 'B' ? 1e9 : 1e6))
}

export function recordOf(value: unknown): Row {
  return typeof value === 'object' && value !== null ? (value as Row) : {}
}

export function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null
}

function countOf(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null
}
