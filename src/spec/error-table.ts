/** The guide's six codes. Everything finer is a {@link ErrorReason}. */
export type ErrorCode =
  | 'RESOURCE_LIMIT_EXCEEDED'
  | 'MODEL_LOAD_FAILED'
  | 'MODEL_UNLOAD_FAILED'
  | 'INVALID_MODEL_ID'
  | 'MEMORY_OPTIMIZATION_FAILED'
  | 'SYSTEM_ERROR'

/** One row of the error table: what a reason means to code, to HTTP and to a person. */
export interface ErrorRow {
  readonly code: ErrorCode
  readonly httpStatus: number
  /** True when the same call may succeed later without anything being changed. */
  readonly isRetryable: boolean
  readonly meaning: string
  readonly nextStep: string
}

/** The fine-grained, stable name of a failure. */
export type ErrorReason =
  | 'invalid-request'
  | 'invalid-model-id'
  | 'model-not-found'
  | 'model-limit-reached'
  | 'memory-limit-exceeded'
  | 'model-too-large'
  | 'queue-full'
  | 'queue-timeout'
  | 'too-many-connections'
  | 'request-too-large'
  | 'context-too-long'
  | 'model-load-failed'
  | 'model-file-missing'
  | 'model-file-corrupt'
  | 'architecture-unsupported'
  | 'load-timeout'
  | 'out-of-memory'
  | 'circuit-open'
  | 'engine-missing'
  | 'engine-lost'
  | 'engine-stuck'
  | 'engine-error'
  | 'optimization-failed'
  | 'template-failed'
  | 'request-quarantined'
  | 'request-cancelled'
  | 'unload-failed'
  | 'shutting-down'
  | 'starting'
  | 'disk-full'
  | 'download-failed'
  | 'download-corrupt'
  | 'config-invalid'
  | 'state-too-new'
  | 'conversation-not-found'
  | 'context-not-found'
  | 'duplicate-context'
  | 'invalid-constraints'
  | 'invalid-message'
  | 'resource-exhausted'
  | 'instance-running'
  | 'lock-failed'
  | 'port-in-use'
  | 'daemon-unreachable'
  | 'host-not-allowed'
  | 'route-not-found'
  | 'request-loop'
  | 'internal'

/**
 * The error table. `docs/errors.md` is checked against it.
 * A deterministic failure of a request is a 4xx, because clients retry 5xx on their own.
 */
export const ERROR_TABLE: Readonly<Record<ErrorReason, ErrorRow>> = {
  'invalid-request': {
    code: 'SYSTEM_ERROR',
    httpStatus: 400,
    isRetryable: false,
    meaning: 'The request is malformed or a value is out of range.',
    nextStep: 'Correct the field that the message names.',
  },
  'invalid-model-id': {
    code: 'INVALID_MODEL_ID',
    httpStatus: 400,
    isRetryable: false,
    meaning: 'The model id cannot be an id: empty, too long, a path, or of an engine that is not here.',
    nextStep: 'Use a name from `grym list`.',
  },
  'model-not-found': {
    code: 'INVALID_MODEL_ID',
    httpStatus: 404,
    isRetryable: false,
    meaning: 'No source knows this model.',
    nextStep: 'See `grym list`, or get it with `grym pull`.',
  },
  'model-limit-reached': {
    code: 'RESOURCE_LIMIT_EXCEEDED',
    httpStatus: 503,
    isRetryable: true,
    meaning: 'As many models are loaded as `limits.maxModelsLoaded` allows, and none could be evicted in time.',
    nextStep: 'Unpin or unload a model, wait, or raise `limits.maxModelsLoaded`.',
  },
  'memory-limit-exceeded': {
    code: 'RESOURCE_LIMIT_EXCEEDED',
    httpStatus: 503,
    isRetryable: true,
    meaning: 'The model does not fit into the memory that is free now, and nothing evictable would make room.',
    nextStep: 'Free memory, unpin a model, use a smaller context or raise `limits.memoryThreshold`.',
  },
  'model-too-large': {
    code: 'RESOURCE_LIMIT_EXCEEDED',
    httpStatus: 422,
    isRetryable: false,
    meaning: 'The model would not fit into this machine even if nothing else ran.',
    nextStep: 'Use a smaller model, a smaller quantisation or a smaller context.',
  },
  'queue-full': {
    code: 'RESOURCE_LIMIT_EXCEEDED',
    httpStatus: 503,
    isRetryable: true,
    meaning: 'More requests wait than `limits.maxQueuedRequests` allows.',
    nextStep: 'Try again later or raise `limits.maxQueuedRequests`.',
  },
  'queue-timeout': {
    code: 'RESOURCE_LIMIT_EXCEEDED',
    httpStatus: 503,
    isRetryable: true,
    meaning: 'The request waited longer than `limits.loadTimeout` for its turn.',
    nextStep: 'Try again when the machine is less busy, or raise `limits.loadTimeout`.',
  },
  'too-many-connections': {
    code: 'RESOURCE_LIMIT_EXCEEDED',
    httpStatus: 503,
    isRetryable: true,
    meaning: 'More clients follow the event stream than allowed.',
    nextStep: 'Close another follower first.',
  },
  'request-too-large': {
    code: 'RESOURCE_LIMIT_EXCEEDED',
    httpStatus: 413,
    isRetryable: false,
    meaning: 'The request body is larger than `http.maxBodyBytes`.',
    nextStep: 'Send less, or raise `http.maxBodyBytes`.',
  },
  'context-too-long': {
    code: 'RESOURCE_LIMIT_EXCEEDED',
    httpStatus: 400,
    isRetryable: false,
    meaning: "The prompt has more tokens than the model's context window.",
    nextStep: 'Send fewer messages or use a model with a larger window.',
  },
  'model-load-failed': {
    code: 'MODEL_LOAD_FAILED',
    httpStatus: 503,
    isRetryable: true,
    meaning: 'The engine could not load the model; it was tried several times.',
    nextStep: 'Look at the engine message; `grym doctor` checks the installation.',
  },
  'model-file-missing': {
    code: 'MODEL_LOAD_FAILED',
    httpStatus: 422,
    isRetryable: false,
    meaning: 'The model file is gone.',
    nextStep: 'Get it again with `grym pull`.',
  },
  'model-file-corrupt': {
    code: 'MODEL_LOAD_FAILED',
    httpStatus: 422,
    isRetryable: false,
    meaning: 'The model file is cut short or is not a GGUF file.',
    nextStep: 'Remove it and get it again with `grym pull`.',
  },
  'architecture-unsupported': {
    code: 'MODEL_LOAD_FAILED',
    httpStatus: 422,
    isRetryable: false,
    meaning: "The engine does not know this model's architecture.",
    nextStep: 'Update grym, or run the model on another engine.',
  },
  'load-timeout': {
    code: 'MODEL_LOAD_FAILED',
    httpStatus: 503,
    isRetryable: true,
    meaning: 'The engine did not finish loading within `limits.loadTimeout`.',
    nextStep: 'Check the disk, or raise `limits.loadTimeout`.',
  },
  'out-of-memory': {
    code: 'MODEL_LOAD_FAILED',
    httpStatus: 503,
    isRetryable: true,
    meaning: 'The engine was killed or gave up for lack of memory.',
    nextStep: 'Free memory or use a smaller context.',
  },
  'circuit-open': {
    code: 'MODEL_LOAD_FAILED',
    httpStatus: 503,
    isRetryable: true,
    meaning: 'Loading this model failed several times in a row, so it is not tried for a while.',
    nextStep: 'Mend what the last failure says; one attempt is let through when the pause ends.',
  },
  'engine-missing': {
    code: 'MODEL_LOAD_FAILED',
    httpStatus: 422,
    isRetryable: false,
    meaning: 'The embedded engine is not installed.',
    nextStep: 'Run `npm install` again with optional dependencies allowed; `grym doctor` says what is missing.',
  },
  'engine-lost': {
    code: 'SYSTEM_ERROR',
    httpStatus: 502,
    isRetryable: true,
    meaning: 'The engine process died while it served this request.',
    nextStep: 'Send the request again; a fresh engine is started.',
  },
  'engine-stuck': {
    code: 'SYSTEM_ERROR',
    httpStatus: 504,
    isRetryable: true,
    meaning: 'The engine made no progress within its deadline and was replaced.',
    nextStep: 'Send the request again; a fresh engine is started.',
  },
  'engine-error': {
    code: 'SYSTEM_ERROR',
    httpStatus: 500,
    isRetryable: false,
    meaning: 'The engine refused or failed this request.',
    nextStep: 'See the engine message; the id finds it in the log.',
  },
  'optimization-failed': {
    code: 'MEMORY_OPTIMIZATION_FAILED',
    httpStatus: 500,
    isRetryable: true,
    meaning: 'Memory could not be given back the way it was asked for.',
    nextStep: 'Look at the engine message; unloading the model gives everything back.',
  },
  'template-failed': {
    code: 'SYSTEM_ERROR',
    httpStatus: 400,
    isRetryable: false,
    meaning: "The model's own chat template refuses these messages.",
    nextStep: 'Change the order or roles of the messages as the message says.',
  },
  'request-quarantined': {
    code: 'SYSTEM_ERROR',
    httpStatus: 422,
    isRetryable: false,
    meaning: 'The engine crashed twice while it served this very request, so it is not tried again for 10 minutes.',
    nextStep: 'Change the request; report it with the id if it should have worked.',
  },
  'request-cancelled': {
    code: 'SYSTEM_ERROR',
    httpStatus: 499,
    isRetryable: false,
    meaning: 'The client went away before the answer was complete.',
    nextStep: 'Nothing to do.',
  },
  'unload-failed': {
    code: 'MODEL_UNLOAD_FAILED',
    httpStatus: 500,
    isRetryable: true,
    meaning: 'The engine could not be made to give the model back.',
    nextStep: 'Look at `grym status`; restart the daemon if it stays.',
  },
  'shutting-down': {
    code: 'SYSTEM_ERROR',
    httpStatus: 503,
    isRetryable: true,
    meaning: 'The daemon is stopping.',
    nextStep: 'Send the request again after the restart.',
  },
  starting: {
    code: 'SYSTEM_ERROR',
    httpStatus: 503,
    isRetryable: true,
    meaning: 'The daemon is still starting.',
    nextStep: 'Follow `GET /health`.',
  },
  'disk-full': {
    code: 'SYSTEM_ERROR',
    httpStatus: 507,
    isRetryable: false,
    meaning: 'The disk has no room left.',
    nextStep: 'Free space, or set `GRYM_HOME` or `GRYM_MODELS` to another disk.',
  },
  'download-failed': {
    code: 'SYSTEM_ERROR',
    httpStatus: 502,
    isRetryable: true,
    meaning: 'No source could deliver the model.',
    nextStep: 'Check the network and the proxy settings, then `grym pull` again: it goes on where it stopped.',
  },
  'download-corrupt': {
    code: 'SYSTEM_ERROR',
    httpStatus: 502,
    isRetryable: true,
    meaning: 'What was downloaded does not have the expected digest.',
    nextStep: 'Run `grym pull` again; the bad file was removed.',
  },
  'config-invalid': {
    code: 'SYSTEM_ERROR',
    httpStatus: 400,
    isRetryable: false,
    meaning: 'A value of the configuration is unknown, malformed or out of range; what was in force stays so.',
    nextStep: 'Correct the key that the message names; `grym config check` looks at the whole file.',
  },
  'state-too-new': {
    code: 'SYSTEM_ERROR',
    httpStatus: 409,
    isRetryable: false,
    meaning: 'A file of the state folder was written by a newer version of grym.',
    nextStep: 'Use that version, or set another `GRYM_HOME`.',
  },
  'conversation-not-found': {
    code: 'SYSTEM_ERROR',
    httpStatus: 404,
    isRetryable: false,
    meaning: 'No conversation has this id, or it belongs to another key.',
    nextStep: 'See `grym conversations list`.',
  },
  'context-not-found': {
    code: 'SYSTEM_ERROR',
    httpStatus: 404,
    isRetryable: false,
    meaning: 'No context was initialised for this model.',
    nextStep: 'Call `initializeContext` first.',
  },
  'duplicate-context': {
    code: 'SYSTEM_ERROR',
    httpStatus: 409,
    isRetryable: false,
    meaning: 'A context exists for this model already.',
    nextStep: 'Use it, or call `removeContext` first.',
  },
  'invalid-constraints': {
    code: 'SYSTEM_ERROR',
    httpStatus: 400,
    isRetryable: false,
    meaning: 'The limits given for a context cannot be.',
    nextStep: 'Give a context window and a number of tokens above 0.',
  },
  'invalid-message': {
    code: 'SYSTEM_ERROR',
    httpStatus: 400,
    isRetryable: false,
    meaning: 'A message has no content, no role or an unknown role.',
    nextStep: 'Correct what the message names.',
  },
  'resource-exhausted': {
    code: 'RESOURCE_LIMIT_EXCEEDED',
    httpStatus: 400,
    isRetryable: false,
    meaning: 'A context has no room for another message.',
    nextStep: 'Raise its limit, or start a new one.',
  },
  'instance-running': {
    code: 'SYSTEM_ERROR',
    httpStatus: 409,
    isRetryable: false,
    meaning: 'Another daemon already uses this state folder.',
    nextStep: 'Use that one, stop it, or set another `GRYM_HOME`.',
  },
  'lock-failed': {
    code: 'SYSTEM_ERROR',
    httpStatus: 409,
    isRetryable: false,
    meaning: 'The lock of the state folder can neither be taken nor read: it is damaged, or not ours.',
    nextStep: 'When no daemon runs, delete `state/instance.lock`; else set another `GRYM_HOME`.',
  },
  'port-in-use': {
    code: 'SYSTEM_ERROR',
    httpStatus: 409,
    isRetryable: false,
    meaning: 'Another program listens on this port.',
    nextStep: 'Choose another with `--port` or `GRYM_HOST`.',
  },
  'daemon-unreachable': {
    code: 'SYSTEM_ERROR',
    httpStatus: 503,
    isRetryable: true,
    meaning: 'No daemon answers at this address.',
    nextStep: 'Start one with `grym serve`.',
  },
  'host-not-allowed': {
    code: 'SYSTEM_ERROR',
    httpStatus: 403,
    isRetryable: false,
    meaning:
      'The Host or Origin header names a host that this daemon does not serve (protection against DNS rebinding).',
    nextStep: 'Use 127.0.0.1 or localhost.',
  },
  'request-loop': {
    code: 'SYSTEM_ERROR',
    httpStatus: 400,
    isRetryable: false,
    meaning: 'The request carries this very instance’s own mark: it was sent here by itself.',
    nextStep: 'Point the upstream address at the engine, not at grym.',
  },
  'route-not-found': {
    code: 'SYSTEM_ERROR',
    httpStatus: 404,
    isRetryable: false,
    meaning: 'There is no such endpoint.',
    nextStep: 'See `docs/api.md`.',
  },
  internal: {
    code: 'SYSTEM_ERROR',
    httpStatus: 500,
    isRetryable: false,
    meaning: 'A broken invariant: a fault of grym.',
    nextStep: 'Report it with the id; the log has the stack.',
  },
}

export const ERROR_REASONS: readonly ErrorReason[] = Object.keys(ERROR_TABLE) as ErrorReason[]
