import type { RawRequest } from '../../spec/chat.ts'
import type { OpenAiDialect } from './dialect.ts'
import { asRecord, asRecords, type JsonRecord } from '../../spec/json-narrowing.ts'

/** Fields of OpenAI's own API, which are taken or passed over wherever it is spoken. */
const KNOWN_FIELDS = new Set([
  ...['model', 'messages', 'stream', 'stream_options', 'max_tokens', 'max_completion_tokens', 'temperature', 'top_p'],
  ...['frequency_penalty', 'presence_penalty', 'seed', 'stop', 'n', 'logprobs', 'top_logprobs', 'logit_bias', 'user'],
  ...['tools', 'tool_choice', 'parallel_tool_calls', 'response_format', 'reasoning_effort', 'metadata', 'store'],
  ...['prompt_cache_key', 'safety_identifier', 'service_tier', 'verbosity', 'modalities'],
])

/**
 * The body of a client's own request for an upstream of this dialect, nothing but the model's name and what the dialect adds
 * to every request being another; `undefined` = more of it would have to change to mean the same there.
 */
export function relayedBody(model: string, { body }: RawRequest, dialect: OpenAiDialect): JsonRecord | undefined {
  const isChanged =
    hasForeignField(body, dialect) || hasForeignOptions(body, dialect) || asRecords(body['messages']).some(isConverted)
  return isChanged ? undefined : { ...body, model, ...(body['stream'] === true && dialect.extraFields) }
}

function hasForeignField(body: JsonRecord, { takesLocalSampling, maxTokensField }: OpenAiDialect): boolean {
  const otherLimit = maxTokensField === 'max_tokens' ? 'max_completion_tokens' : 'max_tokens'
  // An upstream that knows OpenAI's fields only may refuse a request for any other one.
  return body[otherLimit] != null || (!takesLocalSampling && Object.keys(body).some((name) => !KNOWN_FIELDS.has(name)))
}

function hasForeignOptions(body: JsonRecord, dialect: OpenAiDialect): boolean {
  const format = asRecord(body['response_format'])?.['type'] ?? 'text'
  const isForm = format !== 'text' || asRecords(body['tools']).length > 0
  return (
    (!dialect.takesNamedTool && asRecord(body['tool_choice']) !== undefined) ||
    (!dialect.takesJsonObject && format === 'json_object') ||
    (!dialect.tellsLogprobsOfForms && isForm && body['logprobs'] === true) ||
    // 0 alternatives are taken for no log probabilities at all.
    (body['logprobs'] === true && !body['top_logprobs']) ||
    // Where a template is told whether to think, the effort is what tells it.
    (dialect.takesTemplateOptions && body['reasoning_effort'] != null)
  )
}

/** Does grym send such a message in another form? */
function isConverted({ role, content, reasoning_content: reasoning }: JsonRecord): boolean {
  const hasBareImage = asRecords(content).some(({ image_url: image }) => typeof image === 'string')
  return role === 'developer' || reasoning != null || hasBareImage
}
