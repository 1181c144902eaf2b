import type { ResourceError } from '../../spec/errors.ts'

/** Ollama's API says what is wrong in one text; grym's reason and the id that finds it in the log stand beside it. */
export function ollamaError(error: ResourceError, id: string): object {
  return { error: textOf(error), reason: error.reason, id }
}

/** Clients look for "not found" in the text before they pull a model, or take it for unloaded. */
function textOf({ reason, message, details }: ResourceError): string {
  const name = details?.['name']
  if (reason !== 'model-not-found') return message
  if (typeof name !== 'string') return `model not found: ${message}`
  const ours = `Unknown model '${name}'.`
  const ollamas = `model '${name}' not found.`
  return message.startsWith(ours) ? ollamas + message.slice(ours.length) : `${ollamas} ${message}`
}
