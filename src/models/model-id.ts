import { resourceError } from '../spec/errors.ts'

const MAX_ID_CHARACTERS = 256
const ENGINE_PREFIXES = ['lmstudio', 'server', 'local'] as const

export type EnginePrefix = (typeof ENGINE_PREFIXES)[number]

/** The engine that a name asks for by its beginning; no other colon means anything. */
export function enginePrefix(name: string): EnginePrefix | undefined {
  return ENGINE_PREFIXES.find((prefix) => name.startsWith(`${prefix}:`))
}

/** Whether a name says by its beginning which engine is to run it. */
export function isPrefixed(name: string): boolean {
  return enginePrefix(name) !== undefined
}

/** The name without `local:`. Throws `invalid-model-id` for what cannot be one: a path, or too long. */
export function checkedName(name: string): string {
  if (name.length > MAX_ID_CHARACTERS)
    throw invalidId(`${name.slice(0, 40)}…`, `it is longer than ${MAX_ID_CHARACTERS} characters`)
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  if (/[\u0000-\u001f\u007f\\]|(^|\/)\.\.?(\/|$)|^\/|^[a-z]:[\\/]|\.gguf$/i.test(name)) {
    throw invalidId(JSON.stringify(name), 'a model is named, not found by a path')
  }
  return name.replace(/^local:/, '')
}

/** For a name whose prefix asks for an engine that is switched off. */
export function engineAbsent(name: string): Error {
  return invalidId(name, 'its engine is switched off in the configuration (`engines`)')
}

function invalidId(name: string, why: string): Error {
  return resourceError('invalid-model-id', `${name} is no model id: ${why}. Use a name from \`grym list\`.`)
}
