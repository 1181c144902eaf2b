import { resourceError } from '../../../../spec/errors.ts'

/** A JSON schema: an object, or a boolean. */
export type Schema = Readonly<Record<string, unknown>>

/** Where in the schema something is, as a JSON pointer (RFC 6901). */
export type Place = string

/** Makes a rule of a schema that is part of another one. */
export type RuleOf = (schema: unknown, name: string, place: Place) => string

/** `schema-unsupported`, naming the place. @param what completes "… cannot be guaranteed". */
export function schemaFault(place: Place, what: string): Error {
  const where = place === '' ? 'The schema' : `The schema at '${place.slice(0, 200)}'`
  const message = `${where}: ${what}. Answers could not be guaranteed to follow it; change or leave it out.`
  return resourceError('schema-unsupported', message, { details: { param: 'response_format', place } })
}

export function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** One step down. */
export function below(place: Place, ...steps: readonly (string | number)[]): Place {
  return place + steps.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}

/** An own property: keys of a stranger's object may be called like anything of its prototype. */
export function own(object: Schema, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined
}

/** A whole number, 0 or more; `undefined` = not given. */
export function countOf(schema: Schema, key: string, place: Place): number | undefined {
  const value = own(schema, key)
  if (value === undefined) return undefined
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0) return value
  throw schemaFault(below(place, key), 'has to be a whole number, 0 or more')
}
