import { ResourceError, resourceError } from '../spec/errors.ts'
import { ollamaWayOut } from '../spec/ollama-way-out.ts'
import type { UnusableOllamaModel } from './ollama-store.ts'

/** Why a model of Ollama's is not served, for who asked for it by name. */
export function unusableError({ name, why, wayOut }: UnusableOllamaModel, cause?: unknown): ResourceError {
  const message = `Ollama's model '${name}' cannot be used here: ${why}. ${wayOut}`
  return resourceError('ollama-model-unusable', message, { details: { name, why, wayOut }, cause })
}

/** What is wrong with the file of a model, in words for a file that is Ollama's; any other error as it is. */
export function asOllamaFault(error: unknown, name: string): unknown {
  if (!(error instanceof ResourceError)) return error
  if (error.reason === 'model-file-missing') {
    const wayOut = `Get it again with \`ollama pull ${name}\`.`
    return unusableError({ name, why: 'the file of its weights is gone', wayOut }, error)
  }
  if (error.reason !== 'model-file-corrupt') return error
  const said = typeof error.details?.['why'] === 'string' ? error.details['why'] : error.message.replace(/\.$/, '')
  const why = `its file may be in a form of Ollama's own: ${said}`
  return unusableError({ name, why, wayOut: ollamaWayOut(name) }, error)
}
