import type { ErrorReason } from '../../spec/error-reason.ts'
import { type ResourceError, resourceError } from '../../spec/errors.ts'

/** A refusal as it came: `{"error": text}` with a status, or a line within a stream. */
export interface OllamaRefusal {
  /** `undefined` for a line within a stream, which has none. */
  readonly status?: number
  /** Ollama's own words. */
  readonly text: string
  /** The model that was asked for. */
  readonly model?: string
}

interface FailureClass {
  readonly pattern: RegExp
  readonly reason: ErrorReason
  /** What happened and what to do, around Ollama's words. */
  readonly what: (model: string) => string
  readonly help: string
}

const DOES_NOT_SUPPORT = 'does not support'

/** The model wrote something that is no call: its fault, and the words after it may be anything. */
const MALFORMED_CALL = /^(?:error|failed) (?:parsing|to parse) tool call|^XML syntax error/i

/**
 * What Ollama says and what it means; the first that fits counts. Texts of 0.17.4 (server/routes.go, server/images.go,
 * server/sched.go, llm/server.go, llm/status.go) and of 0.33.0 (llm/llama_server.go).
 */
const CLASSES: readonly FailureClass[] = [
  {
    pattern: MALFORMED_CALL,
    reason: 'engine-error',
    what: (model) => `${model} wrote the call of a tool in a form that Ollama cannot read`,
    help: 'Send the request again.',
  },
  {
    pattern: /model ['"].*['"] not found|no such file or directory|file does not exist/i,
    reason: 'model-file-missing',
    what: (model) => `Ollama has no model ${model} any more`,
    help: 'Get it again with `ollama pull`.',
  },
  {
    pattern:
      /input (?:length|after truncation)? ?exceeds (?:the |maximum )?context length|input exceeds maximum context/i,
    reason: 'context-too-long',
    what: (model) => `The prompt is longer than the window that ${model} is loaded with`,
    help: 'Send less, or set a larger contextTokens for the model.',
  },
  {
    pattern: /prompt is longer than the context length|exceeds? the available context size|exceed_context_size/i,
    reason: 'context-too-long',
    what: (model) => `The prompt is longer than the window that ${model} is loaded with`,
    help: 'Send less, or set a larger contextTokens for the model.',
  },
  {
    pattern:
      /requires more (?:system )?memory|signal: killed|unable to allocate|failed to allocate|out of memory|insufficient memory/i,
    reason: 'out-of-memory',
    what: (model) => `Ollama found no memory for ${model}`,
    help: 'Free memory or use a smaller context.',
  },
  {
    pattern: /unknown model architecture|unsupported (?:model )?architecture|not supported by your version of Ollama/i,
    reason: 'architecture-unsupported',
    what: (model) => `This version of Ollama does not know the architecture of ${model}`,
    help: 'Update Ollama, or use another model.',
  },
  {
    // What 0.17.4 says when its engine refuses the file; recorded of an unknown architecture, the cause met most.
    pattern: /unable to load model/i,
    reason: 'architecture-unsupported',
    what: (model) => `Ollama cannot load the file of ${model}, most likely because it does not know its architecture`,
    help: 'Update Ollama; if that does not help, get the model again with `ollama pull`.',
  },
  {
    pattern: /timed out waiting for/i,
    reason: 'load-timeout',
    what: (model) => `Ollama gave up loading ${model}`,
    help: 'Check the disk, or raise OLLAMA_LOAD_TIMEOUT where Ollama is started.',
  },
  {
    pattern: /exceeds file size|error loading model|invalid (?:file )?magic|not within the file bounds|corrupt/i,
    reason: 'model-file-corrupt',
    what: (model) => `Ollama cannot read the file of ${model}`,
    help: 'Get it again with `ollama pull`; if that does not help, update Ollama.',
  },
  {
    pattern: new RegExp(`${DOES_NOT_SUPPORT} (?:generate|chat|completion)`),
    reason: 'generation-unsupported',
    what: (model) => `${model} only embeds`,
    help: 'Ask it for embeddings, or ask another model.',
  },
  {
    pattern: new RegExp(`${DOES_NOT_SUPPORT} tools`),
    reason: 'tools-unsupported',
    what: (model) => `The template of ${model} has no place for tools`,
    help: 'Use a model that was made for tools.',
  },
  {
    pattern: new RegExp(`${DOES_NOT_SUPPORT} insert`),
    reason: 'suffix-unsupported',
    what: (model) => `${model} cannot fill a gap in a text`,
    help: 'Leave out `suffix`, or use a model that was trained for it.',
  },
  {
    pattern: new RegExp(
      `${DOES_NOT_SUPPORT} (?:vision|image)|image input is not supported|missing data required for image`,
    ),
    reason: 'images-unsupported',
    what: (model) => `${model} does not see`,
    help: 'Send text alone, or use a model with vision.',
  },
  {
    pattern: /invalid JSON schema|invalid format|failed to (?:parse|load) (?:grammar|schema)|json schema conversion/i,
    reason: 'schema-unsupported',
    what: () => 'Ollama cannot hold an answer to this JSON schema',
    help: 'Simplify it, or ask for `json_object`.',
  },
  {
    pattern: /^option ".*" must be|cannot unmarshal|^time: /,
    reason: 'engine-refused',
    what: (model) => `Ollama does not understand what it was asked for ${model}`,
    help: 'Is it a version that grym does not know?',
  },
  {
    pattern: /(?:runner|llama-server) process has terminated|error starting runner/i,
    reason: 'model-load-failed',
    what: (model) => `The process that Ollama started for ${model} ended`,
    help: "Ollama's own log says more.",
  },
]

/** Words that say that the model's process has died under an answer. */
const RUNNER_GONE =
  /unexpectedly stopped|unexpected EOF|\bEOF\b|no longer running|process has terminated|connection (?:reset|refused)|broken pipe|use of closed network connection/i

/** The error that a refusal is for whoever asked. */
export function ollamaFailure({ status, text, model }: OllamaRefusal): ResourceError {
  const name = model ?? 'the model'
  const details = { ...(status !== undefined && { status }), engineMessage: text }
  const said = text.trim() === '' ? '' : ` (it said: ${text.trim().slice(0, MAX_QUOTE_CHARACTERS)})`
  if (status === 401 || status === 403) {
    const message = `Ollama refuses grym with status ${status}${said}. Sign in with \`ollama signin\`, or look at what stands before it.`
    return resourceError('engine-refused', message, { details })
  }
  if (status === 502 || status === 504) {
    const message = `What stands before Ollama does not reach it (status ${status})${said}. Start it, or correct its address.`
    return resourceError('engine-unreachable', message, { details })
  }
  if (status === 503) {
    const message = `Ollama has more requests than it takes, and had after several more tries${said}. Try again later.`
    return resourceError('engine-busy', message, { details })
  }
  const known = CLASSES.find(({ pattern }) => pattern.test(ownWords(text)))
  if (known) return resourceError(known.reason, `${known.what(name)}${said}. ${known.help}`, { details })
  if (status !== undefined && status < 500) {
    const message = `Ollama refuses what it was asked for ${name} with status ${status}${said}.`
    return resourceError('engine-refused', message, { details })
  }
  return resourceError('engine-error', `Ollama failed at ${name}${said}.`, { details })
}

/**
 * The same error as the end of a load. A failure without a name is one of the load. Without a word 0.17.4 ends a request
 * under which it broke down, which damaged files make it do. Lack of memory on GPUs is told apart where layers were to lie
 * there, because fewer of them may help.
 */
export function asLoadFailure(error: ResourceError, isOnGpu: boolean): ResourceError {
  const options = { ...(error.details && { details: error.details }), cause: error }
  if (error.details?.['isLate'] === true) return resourceError('load-timeout', error.message, options)
  if (error.details?.['status'] === 500 && error.details['engineMessage'] === '') {
    const message =
      'Ollama broke down while it read the file of the model, which is most likely damaged. Get it again with `ollama pull`.'
    return resourceError('model-file-corrupt', message, options)
  }
  if (error.reason === 'engine-error') return resourceError('model-load-failed', error.message, options)
  const isGpuFull = error.reason === 'out-of-memory' && GPU_WORDS.test(String(error.details?.['engineMessage']))
  return isOnGpu && isGpuFull ? resourceError('gpu-out-of-memory', error.message, options) : error
}

const GPU_WORDS = /cuda|rocm|hip|vulkan|metal|\bgpu\b|vram/i

/** Whether Ollama says of a failed answer that the process of its model is gone. What stands before Ollama does not know. */
export function isRunnerGone({ reason, details }: ResourceError): boolean {
  const text = details?.['engineMessage']
  if (typeof text !== 'string' || reason === 'engine-unreachable' || MALFORMED_CALL.test(text)) return false
  return RUNNER_GONE.test(ownWords(text))
}

/** Without what the model wrote, which Ollama quotes: that may say anything, `<<EOF` and `out of memory` too. */
function ownWords(text: string): string {
  return text.replace(/raw='(?:.*'|.*$)/s, "raw=''")
}

const MAX_QUOTE_CHARACTERS = 500
