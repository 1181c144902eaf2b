import { below, isSchema, own, type Place, type Schema, schemaFault } from './schema-fault.ts'

/** What says nothing about which values are valid. */
const ANNOTATIONS: ReadonlySet<string> = new Set([
  '$schema',
  '$id',
  '$anchor',
  '$comment',
  '$defs',
  'definitions',
  'title',
  'description',
  'default',
  'examples',
  'example',
  'deprecated',
  'readOnly',
  'writeOnly',
  'discriminator',
  'contentEncoding',
  'contentMediaType',
  'strict',
])

/** The larger of two, or the one there is. */
const LARGER: ReadonlySet<string> = new Set(['minimum', 'exclusiveMinimum', 'minLength', 'minItems', 'minProperties'])
const SMALLER: ReadonlySet<string> = new Set(['maximum', 'exclusiveMaximum', 'maxLength', 'maxItems', 'maxProperties'])

/** A schema that is valid exactly where both are. Throws `schema-unsupported` where that cannot be written as one. */
export function mergeSchemas(first: Schema, second: Schema, place: Place): Schema {
  const merged: Record<string, unknown> = Object.assign(Object.create(null) as Record<string, unknown>, first)
  for (const key of Object.keys(second)) {
    if (ANNOTATIONS.has(key)) continue
    const [a, b] = [own(first, key), second[key]]
    merged[key] = a === undefined ? b : mergeKeyword(key, a, b, place)
  }
  return closed(first, second, merged)
}

function mergeKeyword(key: string, a: unknown, b: unknown, place: Place): unknown {
  if (JSON.stringify(a) === JSON.stringify(b)) return a
  if (key === 'type') return typesOf(a).flatMap((type) => commonType(type, typesOf(b)))
  if (key === 'properties' && isSchema(a) && isSchema(b)) return mergeProperties(a, b)
  if (key === 'items' || key === 'additionalProperties') return both(a, b)
  const merged = Array.isArray(a) && Array.isArray(b) ? mergeLists(key, a, b) : mergeBounds(key, a, b)
  if (merged === undefined) throw schemaFault(place, `two different '${key}' that both have to hold are not served`)
  return merged
}

function mergeLists(key: string, a: readonly unknown[], b: readonly unknown[]): readonly unknown[] | undefined {
  if (key === 'required') return [...new Set([...a, ...b])]
  if (key !== 'enum') return undefined
  const known = new Set(b.map((value) => JSON.stringify(value)))
  return a.filter((value) => known.has(JSON.stringify(value)))
}

function mergeBounds(key: string, a: unknown, b: unknown): number | undefined {
  if (typeof a !== 'number' || typeof b !== 'number') return undefined
  if (LARGER.has(key)) return Math.max(a, b)
  return SMALLER.has(key) ? Math.min(a, b) : undefined
}

function mergeProperties(a: Schema, b: Schema): Schema {
  const merged = Object.assign(Object.create(null) as Record<string, unknown>, a)
  for (const key of Object.keys(b)) merged[key] = Object.hasOwn(a, key) ? both(a[key], b[key]) : b[key]
  return merged
}

function both(a: unknown, b: unknown): unknown {
  if (a === true) return b
  if (b === true) return a
  return a === false || b === false ? false : { allOf: [a, b] }
}

/** A schema that allows no further properties forbids those of the other one. */
function closed(first: Schema, second: Schema, merged: Record<string, unknown>): Schema {
  const properties = own(merged, 'properties')
  if (!isSchema(properties)) return merged
  const sides = [first, second].filter((side) => own(side, 'additionalProperties') === false)
  const isAllowed = (key: string): boolean =>
    sides.every((side) => {
      const named = own(side, 'properties')
      return isSchema(named) && Object.hasOwn(named, key)
    })
  const left = Object.entries(properties).filter(([key]) => isAllowed(key))
  merged['properties'] = Object.assign(Object.create(null) as object, Object.fromEntries(left))
  return merged
}

function typesOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [value]
}

function commonType(type: unknown, others: readonly unknown[]): unknown[] {
  if (others.includes(type)) return [type]
  if (type === 'number' && others.includes('integer')) return ['integer']
  return type === 'integer' && others.includes('number') ? ['integer'] : []
}

/** Keywords that say something about the value. */
export function meaningful(schema: Schema): readonly string[] {
  return Object.keys(schema).filter((key) => !ANNOTATIONS.has(key))
}

/** Schemas of a keyword that lists them. Throws `schema-unsupported` when it is no list, or an empty one. */
export function listOf(schema: Schema, key: string, place: Place): readonly unknown[] {
  const list = own(schema, key)
  if (list === undefined) return []
  if (!Array.isArray(list) || list.length === 0) throw schemaFault(below(place, key), 'has to be a list of schemas')
  return list as unknown[]
}
