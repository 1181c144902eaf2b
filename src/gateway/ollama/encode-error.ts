import type { ResourceError } from '../../spec/errors.ts'

/** Ollama's API says what is wrong in one text; grym's reason and the id that finds it in the log stand beside it. */
export function ollamaError({ message, reason }: ResourceError, id: string): object {
  return { error: message, reason, id }
}
