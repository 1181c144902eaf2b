import { type ResourceError, resourceError } from '../../spec/errors.ts'

/** Where a schema holds values, not schemas: a key `$ref` in there is only a word. */
const VALUES: ReadonlySet<string> = new Set(['const', 'enum', 'default', 'examples'])
/** Deeper ones are refused: no schema of a person is, and each level is one of the stack. */
const MAX_DEPTH = 200

/**
 * Throws `schema-unsupported` for what Ollama takes without a word and does not hold an answer to: parts of a schema that
 * lie at another address count as "anything" (`json_schema_to_grammar` of llama.cpp, as Ollama calls it). All else that
 * it cannot hold, it refuses itself.
 */
export function assertHoldable(schema: unknown, depth = 0): void {
  if (typeof schema !== 'object' || schema === null) return
  if (depth > MAX_DEPTH) throw refused('it is nested too deeply')
  if (Array.isArray(schema)) {
    for (const part of schema) assertHoldable(part, depth + 1)
    return
  }
  for (const [key, value] of Object.entries(schema)) {
    if (key === '$ref' && typeof value === 'string' && !value.startsWith('#')) {
      throw refused(`it refers to ${value}, and Ollama looks nothing up`)
    }
    if (!VALUES.has(key)) assertHoldable(value, depth + 1)
  }
}

function refused(why: string): ResourceError {
  const message = `Ollama cannot hold an answer to this JSON schema: ${why}. Write that part out, or ask for \`json_object\`.`
  return resourceError('schema-unsupported', message)
}
