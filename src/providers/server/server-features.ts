import { ResourceError } from '../../spec/errors.ts'
import type { EngineHttp } from '../openai/engine-http.ts'
import { asCount, asRecord, asRecords } from '../../spec/json-narrowing.ts'

/** How long a question about what a server can do may take, ms. */
const DEADLINE_MS = 5_000

/** What a loaded server can do, as it was found by asking. */
export interface ServerFeatures {
  readonly isLlamaServer: boolean
  /** Window of one request; `null` = it does not tell. */
  readonly contextTokens: number | null
  /** Requests at once; `null` = it does not tell. */
  readonly slots: number | null
  /** States of its slots can be saved and restored. */
  readonly canSaveState: boolean
  readonly canCountTokens: boolean
  /** `null` = it does not tell. */
  readonly hasVision: boolean | null
  /** The model's template has a place for tools; `null` = it does not tell. */
  readonly hasTools: boolean | null
}

export const UNKNOWN_FEATURES: ServerFeatures = {
  isLlamaServer: false,
  contextTokens: null,
  slots: null,
  canSaveState: false,
  canCountTokens: false,
  hasVision: null,
  hasTools: null,
}

/**
 * Asks a server what it is: llama-server tells by `/props`. Whatever fails here leaves something unknown, and nothing else:
 * most servers have no such places.
 * @param rootUrl without the version.
 */
export async function findFeatures(http: EngineHttp, rootUrl: string, signal: AbortSignal): Promise<ServerFeatures> {
  const props = asRecord(await askedOnce(http, `${rootUrl}/props`, signal))
  const slots = asCount(props?.['total_slots'])
  if (!props || slots === undefined) return UNKNOWN_FEATURES
  return {
    isLlamaServer: true,
    contextTokens: asCount(asRecord(props['default_generation_settings'])?.['n_ctx']) ?? null,
    slots,
    canSaveState: await canSaveState(http, rootUrl, signal),
    canCountTokens: true,
    hasVision: asRecord(props['modalities'])?.['vision'] === true,
    hasTools: asTruth(asRecord(props['chat_template_caps'])?.['supports_tools']),
  }
}

function asTruth(value: unknown): boolean | null {
  return typeof value === 'boolean' ? value : null
}

/** The window that a list of models tells of this one, or of the only one; `null` = it does not. vLLM does. */
export async function listedContextTokens(
  http: EngineHttp,
  baseUrl: string,
  model: string,
  signal: AbortSignal,
): Promise<number | null> {
  const list = asRecords(asRecord(await askedOnce(http, `${baseUrl}/models`, signal))?.['data'])
  const entry = list.find(({ id }) => id === model) ?? (list.length === 1 ? list[0] : undefined)
  return asCount(entry?.['max_model_len']) ?? asCount(entry?.['context_length']) ?? null
}

/** An action that there is not: without a folder for states every action is refused as not supported, before it is read. */
async function canSaveState(http: EngineHttp, rootUrl: string, signal: AbortSignal): Promise<boolean> {
  try {
    await http.json({ url: `${rootUrl}/slots/0?action=none`, body: {}, signal: bounded(signal), maxTries: 1 })
    return false
  } catch (error) {
    if (!(error instanceof ResourceError)) throw error
    return error.details?.['status'] === 400
  }
}

async function askedOnce(http: EngineHttp, url: string, signal: AbortSignal): Promise<unknown> {
  try {
    return await http.json({ url, signal: bounded(signal), maxTries: 1 })
  } catch (error) {
    if (error instanceof ResourceError) return undefined
    throw error
  }
}

function bounded(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(DEADLINE_MS)])
}
