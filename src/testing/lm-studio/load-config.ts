import { type Body, isObject } from '../openai/request-fields.ts'
import type { FakeStudioModel } from './models.ts'
import { invalidRequest } from './refusal.ts'

/** How an instance was loaded. */
export interface LoadConfig {
  readonly contextTokens: number
  readonly evalBatchSize: number
  readonly isFlashAttention: boolean
  readonly numExperts: number | undefined
  readonly isCacheOnGpu: boolean
}

/** A request to load, read. */
export interface LoadRequest {
  readonly key: string
  readonly isConfigEchoed: boolean
  /** `undefined` where nothing was said. */
  readonly contextTokens: number | undefined
  readonly rest: Omit<LoadConfig, 'contextTokens'>
}

const LOAD_KEYS: Readonly<Record<string, 'string' | 'number' | 'boolean'>> = {
  model: 'string',
  context_length: 'number',
  eval_batch_size: 'number',
  flash_attention: 'boolean',
  num_experts: 'number',
  offload_kv_cache_to_gpu: 'boolean',
  echo_load_config: 'boolean',
}

/** What a load without a word means. */
export const DEFAULT_REST: LoadRequest['rest'] = {
  evalBatchSize: 512,
  isFlashAttention: true,
  numExperts: undefined,
  isCacheOnGpu: true,
}

/** Reads the body of `/api/v1/models/load`: a key that is not known is an error. */
export function readLoadRequest(body: Body): LoadRequest {
  checkKeys(body, LOAD_KEYS, ['model'])
  const { context_length: contextTokens, eval_batch_size: batch, num_experts: experts } = body
  return {
    key: body['model'] as string,
    isConfigEchoed: body['echo_load_config'] === true,
    contextTokens: contextTokens as number | undefined,
    rest: {
      evalBatchSize: (batch as number | undefined) ?? DEFAULT_REST.evalBatchSize,
      isFlashAttention: body['flash_attention'] !== false,
      numExperts: experts as number | undefined,
      isCacheOnGpu: body['offload_kv_cache_to_gpu'] !== false,
    },
  }
}

/** Reads the body of `/api/v1/models/unload`. */
export function readUnloadRequest(body: Body): string {
  checkKeys(body, { instance_id: 'string' }, ['instance_id'])
  return body['instance_id'] as string
}

/** A configuration as it is told: embedding models and those in Apple's format say less. */
export function configReply(model: FakeStudioModel, config: LoadConfig, parallel: number): Record<string, unknown> {
  const context = { context_length: config.contextTokens }
  if (model.type === 'embedding') return context
  if (model.format === 'mlx') return { ...context, parallel, reasoning_budget_message: '' }
  return {
    ...context,
    eval_batch_size: config.evalBatchSize,
    parallel,
    flash_attention: config.isFlashAttention,
    ...(config.numExperts !== undefined && { num_experts: config.numExperts }),
    offload_kv_cache_to_gpu: config.isCacheOnGpu,
  }
}

/** A body as strict as `/api/v1` takes it. The codes of a key that is missing or of another type are not known. */
function checkKeys(body: Body, known: typeof LOAD_KEYS, required: readonly string[]): void {
  if (!isObject(body)) throw invalidRequest('invalid_type', 'Expected object')
  const unknown = Object.keys(body).filter((key) => !(key in known))
  if (unknown.length > 0) {
    const written = unknown.map((key) => `'${key}'`).join(', ')
    throw invalidRequest('unrecognized_keys', `Unrecognized key(s) in object: ${written}`)
  }
  for (const key of required) {
    if (body[key] === undefined) throw invalidRequest('missing_required_parameter', `'${key}' is required`, key)
  }
  for (const [key, value] of Object.entries(body)) {
    if (typeof value !== known[key]) {
      throw invalidRequest('invalid_type', `Expected ${known[key]}, received ${typeof value}`, key)
    }
  }
}
