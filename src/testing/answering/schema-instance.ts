/** A JSON value that keeps to a schema, the smallest that is easily found; `undefined` where this fake cannot. */
export function schemaInstance(schema: unknown, root: unknown = schema, depth = 0): unknown {
  if (schema === true) return {}
  if (!isObject(schema) || depth > 32) return undefined
  if (typeof schema['$ref'] === 'string') return schemaInstance(resolve(schema['$ref'], root), root, depth + 1)
  if ('const' in schema) return schema['const']
  if (Array.isArray(schema['enum'])) return schema['enum'][0]
  for (const word of ['anyOf', 'oneOf']) {
    const choices = schema[word]
    if (Array.isArray(choices)) return schemaInstance(choices[0], root, depth + 1)
  }
  const type = Array.isArray(schema['type']) ? schema['type'][0] : schema['type']
  return instanceOf(type ?? ('properties' in schema ? 'object' : undefined), schema, root, depth)
}

function instanceOf(type: unknown, schema: Record<string, unknown>, root: unknown, depth: number): unknown {
  switch (type) {
    case 'object': {
      const properties = isObject(schema['properties']) ? Object.entries(schema['properties']) : []
      const values = properties.map(([name, each]) => [name, schemaInstance(each, root, depth + 1)] as const)
      return values.some(([, value]) => value === undefined) ? undefined : Object.fromEntries(values)
    }
    case 'array': {
      const item = schemaInstance(schema['items'] ?? true, root, depth + 1)
      if (item === undefined) return undefined
      return Array.from({ length: numberOr(schema['minItems'], 1) }, () => item)
    }
    case 'string':
      return 'text'.padEnd(numberOr(schema['minLength'], 0), '.').slice(0, numberOr(schema['maxLength'], Infinity))
    case 'integer':
      return Math.ceil(numberOr(schema['minimum'], Math.min(1, numberOr(schema['maximum'], 1))))
    case 'number':
      return numberOr(schema['minimum'], Math.min(1, numberOr(schema['maximum'], 1)))
    case 'boolean':
      return true
    case 'null':
      return null
    default:
      return type === undefined ? {} : undefined
  }
}

/** A reference within the schema: `#/$defs/name`. */
function resolve(reference: string, root: unknown): unknown {
  if (!reference.startsWith('#')) return undefined
  const steps = reference.slice(1).split('/').filter(Boolean)
  return steps.reduce<unknown>((at, step) => (isObject(at) ? at[step] : undefined), root)
}

function numberOr(value: unknown, otherwise: number): number {
  return typeof value === 'number' ? value : otherwise
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
