import { isSchema, own, type Schema } from './schema-fault.ts'

/**
 * Can no value hold two of these branches? Decided where it is plain: by their types, by the values that each of them
 * lists, or by a property that all of them require with other values in each.
 */
export function areApart(branches: readonly (readonly Schema[])[]): boolean {
  return branches.every((branch, index) =>
    branches.slice(index + 1).every((other) => branch.every((one) => other.every((two) => arePairApart(one, two)))),
  )
}

function arePairApart(one: Schema, two: Schema): boolean {
  const [types, others] = [typesOf(one), typesOf(two)]
  if (types && others && !types.some((type) => others.some((other) => mayMeet(type, other)))) return true
  const [values, more] = [valuesOf(one), valuesOf(two)]
  if (values && more && !values.some((value) => more.includes(value))) return true
  const [properties, otherProperties] = [own(one, 'properties'), own(two, 'properties')]
  if (!isSchema(properties) || !isSchema(otherProperties)) return false
  const [required, alsoRequired] = [requiredOf(one), requiredOf(two)]
  return Object.keys(properties).some((key) => {
    const [mine, theirs] = [properties[key], own(otherProperties, key)]
    if (!required.has(key) || !alsoRequired.has(key) || !isSchema(mine) || !isSchema(theirs)) return false
    const [listed, alsoListed] = [valuesOf(mine), valuesOf(theirs)]
    return listed !== undefined && alsoListed !== undefined && !listed.some((value) => alsoListed.includes(value))
  })
}

const NUMBERS: ReadonlySet<unknown> = new Set(['number', 'integer'])

function mayMeet(type: unknown, other: unknown): boolean {
  return type === other || (NUMBERS.has(type) && NUMBERS.has(other))
}

function typesOf(schema: Schema): readonly unknown[] | undefined {
  const type = own(schema, 'type')
  return type === undefined || Array.isArray(type) ? (type as unknown[] | undefined) : [type]
}

function valuesOf(schema: Schema): readonly string[] | undefined {
  const [constant, list] = [own(schema, 'const'), own(schema, 'enum')]
  if (constant !== undefined) return [JSON.stringify(constant)]
  return Array.isArray(list) ? list.map((value) => JSON.stringify(value)) : undefined
}

function requiredOf(schema: Schema): ReadonlySet<unknown> {
  const required = own(schema, 'required')
  return new Set(Array.isArray(required) ? (required as unknown[]) : [])
}
