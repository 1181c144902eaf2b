import type { ErrorReason } from '../../spec/error-reason.ts'
import { type ResourceError, resourceError } from '../../spec/errors.ts'
import { printableLine } from '../../spec/printable-text.ts'
import { asCount, asRecord, asText, type JsonRecord } from '../../spec/json-narrowing.ts'

/** Longest text of an engine that is quoted. */
const MAX_QUOTE_CHARACTERS = 500

/** What an upstream says went wrong, whatever shape it gives that. */
export interface ToldError {
  /** Of the reply; of the error itself where it came inside of an answer that had begun well. */
  readonly status: number
  readonly message: string
  /** `exceed_context_size_error`, `model_not_found`, …: its `type`, else its `code`. */
  readonly kind: string
  readonly fields: JsonRecord
}

/**
 * The error in a reply's body or in an event; `undefined` = there is none. It may be text or an object, under `error` or
 * as the body itself, and come with any status: LM Studio answers unknown paths with 200 and an error.
 * @param body JSON as it was read, or text that is none.
 */
export function toldError(status: number, body: unknown): ToldError | undefined {
  const reply = asRecord(body)
  const error = reply?.['error']
  const hasError = error !== undefined && error !== null && error !== false
  if (!hasError && status < 400) return undefined
  const fields = asRecord(error) ?? reply ?? {}
  const code = asCount(fields['code'])
  const isStatus = code !== undefined && code >= 400 && code <= 599
  return {
    status: status < 400 && isStatus ? code : status,
    message: messageOf(error, fields, body),
    kind: [fields['type'], fields['code']].map(asText).filter(Boolean).join(' '),
    fields,
  }
}

/** The error in grym's own words and reasons. @param engine how the engine is called in messages. */
export function upstreamError(engine: string, told: ToldError): ResourceError {
  const { status, message, kind, fields } = told
  const reason = reasonOf(told)
  const said = message === '' ? `it answered with status ${status}` : `it said: ${ended(message)}`
  const promptTokens = asCount(fields['n_prompt_tokens'])
  const windowTokens = asCount(fields['n_ctx'])
  return resourceError(
    reason,
    `${engine} ${WHAT_HAPPENED[reason] ?? 'failed this request'}; ${said}${wayOut(reason)}`,
    {
      details: {
        status,
        ...(kind !== '' && { kind }),
        ...(message !== '' && { engineMessage: message }),
        ...(promptTokens !== undefined && { promptTokens }),
        ...(windowTokens !== undefined && { contextTokens: windowTokens }),
      },
    },
  )
}

/** May the same request be served a moment later? */
export function isBusy({ status }: ToldError): boolean {
  return status === 429 || status === 503
}

/**
 * 1. what the error is called, by engines that name it
 * 2. what its text says, of engines whose kinds say nothing (each with the text that was seen)
 * 3. the status
 */
function reasonOf({ status, message, kind }: ToldError): ErrorReason {
  for (const [pattern, reason] of KINDS) if (pattern.test(kind)) return reason
  if (status === 401 || status === 403) return 'engine-refused'
  if (status === 429 || status === 503) return 'engine-busy'
  if (status === 413) return 'request-too-large'
  for (const [pattern, reason] of TEXTS) if (pattern.test(message)) return reason
  if (status >= 500 && status !== 501) return 'engine-error'
  return 'engine-refused'
}

const KINDS: readonly (readonly [RegExp, ErrorReason])[] = [
  [/exceed_context_size|context_length_exceeded/, 'context-too-long'],
  [/model_not_found/, 'model-not-found'],
]

const TEXTS: readonly (readonly [RegExp, ErrorReason])[] = [
  // LM Studio; vLLM and OpenAI: "This model's maximum context length is …".
  [
    /number of tokens to keep from the initial prompt|maximum context length|exceeds the available context/i,
    'context-too-long',
  ],
  // llama-server: "input (9 tokens) is too large to process. increase the physical batch size".
  [/is too large to process/i, 'context-too-long'],
  [/invalid model identifier|no models loaded/i, 'model-not-found'],
  [
    /json schema (?:conversion failed|error)|failed to (?:parse|initialize) grammar|invalid (?:json )?schema/i,
    'schema-unsupported',
  ],
  [/logprobs is not supported/i, 'logprobs-unsupported'],
  [/tool_choice param requires|tools param requires|does not support tools/i, 'tools-unsupported'],
  [/image input is not supported|does not support image|mmproj/i, 'images-unsupported'],
  [/unable to generate parser for this template|jinja|chat template/i, 'template-failed'],
  [/out of memory|failed to allocate/i, 'out-of-memory'],
]

const WHAT_HAPPENED: Readonly<Partial<Record<ErrorReason, string>>> = {
  'context-too-long': 'has no room for this prompt',
  'model-not-found': 'does not know the model that is asked for',
  'engine-refused': 'refused the request',
  'engine-busy': 'has more to do than it takes',
  'request-too-large': 'takes no body of this size',
  'schema-unsupported': 'cannot hold answers to this schema',
  'logprobs-unsupported': 'gives no log probabilities for this request',
  'tools-unsupported': 'cannot call tools with this model',
  'images-unsupported': 'does not see images with this model',
  'template-failed': 'could not bring the messages into the form of the model',
  'out-of-memory': 'found no memory for this request',
}

function wayOut(reason: ErrorReason): string {
  if (reason === 'context-too-long') return ' Send fewer messages, or give the model a larger window.'
  if (reason === 'engine-busy') return ' Try again later.'
  return ''
}

function messageOf(error: unknown, fields: JsonRecord, body: unknown): string {
  const written = asText(error) ?? asText(fields['message']) ?? asText(fields['detail']) ?? asText(body) ?? ''
  // A page for a browser, from a proxy on the way, says nothing to anyone here.
  return written.startsWith('<') ? '' : printableLine(written.trim()).slice(0, MAX_QUOTE_CHARACTERS)
}

function ended(message: string): string {
  return /[.!?…]$/.test(message) ? message : `${message}.`
}
