import { resourceError } from '../spec/errors.ts'

const MAX_ID_CHARACTERS = 256

/** Whether a name says by its beginning which engine is to run it. */
export function isPrefixed(name: string): boolean {
  return /^(lmstudio|server|local):/.test(name)
}

/** The name without `local:`. Throws `invalid-model-id` for what cannot be one: a path, and what no engine here runs. */
export function checkedName(name: string): string {
  if (/^(lmstudio|server):/.test(name)) {
    const engine = name.slice(0, name.indexOf(':'))
    throw invalidId(name, `'${engine}:' models need an engine that this version does not connect to yet`)
  }
  if (name.length > MAX_ID_CHARACTERS)
    throw invalidId(`${name.slice(0, 40)}…`, `it is longer than ${MAX_ID_CHARACTERS} characters`)
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  if (/[\u0000-\u001f\u007f\\]|(^|\/)\.\.?(\/|$)|^\/|^[a-z]:[\\/]|\.gguf$/i.test(name)) {
    throw invalidId(JSON.stringify(name), 'a model is named, not found by a path')
  }
  return name.replace(/^local:/, '')
}

function invalidId(name: string, why: string): Error {
  return resourceError('invalid-model-id', `${name} is no model id: ${why}. Use a name from \`grym list\`.`)
}
