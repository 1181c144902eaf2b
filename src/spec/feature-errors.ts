import type { ErrorReason } from './error-reason.ts'
import type { ErrorRow } from './error-row.ts'

type FeatureReason = Extract<
  ErrorReason,
  | 'schema-unsupported'
  | 'tools-unsupported'
  | 'logprobs-unsupported'
  | 'suffix-unsupported'
  | 'images-unsupported'
  | 'generation-unsupported'
  | 'not-implemented'
  | 'engine-unavailable'
  | 'engine-install-running'
  | 'response-not-found'
>

/** Part of the error table: what an engine, a model or grym itself cannot do, and what it does not have. */
export const FEATURE_ERRORS: Readonly<Record<FeatureReason, ErrorRow>> = {
  'schema-unsupported': {
    code: 'SYSTEM_ERROR',
    httpStatus: 400,
    isRetryable: false,
    meaning: 'The JSON schema cannot be turned into a grammar, so answers could not be guaranteed to follow it.',
    nextStep: 'Change what the message names, or ask for `json_object`.',
  },
  'tools-unsupported': {
    code: 'SYSTEM_ERROR',
    httpStatus: 400,
    isRetryable: false,
    meaning: "The model's own chat template has no place for tools, so it cannot choose by itself whether to call one.",
    nextStep: 'Set `tool_choice` to `required` or to a tool by name, or use a model whose template has tools.',
  },
  'logprobs-unsupported': {
    code: 'SYSTEM_ERROR',
    httpStatus: 400,
    isRetryable: false,
    meaning: 'Log probabilities cannot be given for this request: the engine has none for an answer held to a grammar.',
    nextStep: 'Leave out `logprobs`, or the schema or the forced tool.',
  },
  'suffix-unsupported': {
    code: 'SYSTEM_ERROR',
    httpStatus: 400,
    isRetryable: false,
    meaning: 'The model has no tokens for filling in the middle (FIM), so it cannot be given what comes after.',
    nextStep: 'Leave out `suffix`, or use a model that was trained for it.',
  },
  'images-unsupported': {
    code: 'SYSTEM_ERROR',
    httpStatus: 400,
    isRetryable: false,
    meaning: 'The model reads text only where it runs; the embedded engine never sees pictures.',
    nextStep: 'Send text alone, or ask a model with `vision` of another engine.',
  },
  'generation-unsupported': {
    code: 'SYSTEM_ERROR',
    httpStatus: 400,
    isRetryable: false,
    meaning: 'The model only embeds: it reads in both directions and writes nothing.',
    nextStep: 'Ask it for embeddings, or ask another model.',
  },
  'not-implemented': {
    code: 'SYSTEM_ERROR',
    httpStatus: 501,
    isRetryable: false,
    meaning: 'The API has this call, grym does not: its engines cannot do it, or it has no sense on this machine.',
    nextStep: 'Do it as the message says, or with the program that can.',
  },
  'engine-unavailable': {
    code: 'SYSTEM_ERROR',
    httpStatus: 400,
    isRetryable: false,
    meaning: 'There is no engine of this name to install on this system, or it came with grym.',
    nextStep: 'See `grym engine list`.',
  },
  'engine-install-running': {
    code: 'SYSTEM_ERROR',
    httpStatus: 503,
    isRetryable: true,
    meaning: 'Another `grym engine` command changes the engines of this state folder.',
    nextStep: 'Wait until it is done, then try again.',
  },
  'response-not-found': {
    code: 'SYSTEM_ERROR',
    httpStatus: 404,
    isRetryable: false,
    meaning: 'No kept response of this key has the id: it was never kept, was deleted, or went with its conversation.',
    nextStep: 'Send the whole conversation as `input`, or ask with `store: true` where conversations are kept.',
  },
}
