import { arrayRuleOf } from './array-rule.ts'
import { type Grammar, literal } from './grammar.ts'
import { booleanRule, nullRule, valueRule } from './json-rules.ts'
import { numberRuleOf } from './number-rule.ts'
import { objectRuleOf } from './object-rule.ts'
import { below, isSchema, own, type Place, type RuleOf, type Schema, schemaFault } from './schema-fault.ts'
import { listOf, meaningful, mergeSchemas } from './schema-merge.ts'
import { areApart } from './schemas-apart.ts'
import { stringRuleOf } from './string-rule.ts'

const MAX_SCHEMAS = 5_000
const MAX_DEPTH = 64
const MAX_ENUM = 2_000
/** Alternatives that one schema may fall into when alternatives inside alternatives are multiplied out. */
const MAX_ALTERNATIVES = 200

/** What cannot be guaranteed by a grammar of this kind, whatever its value. */
const REFUSED = [
  'not',
  'if',
  'then',
  'else',
  'dependentRequired',
  'dependentSchemas',
  'dependencies',
  'contains',
  'minContains',
  'maxContains',
  '$dynamicRef',
  '$recursiveRef',
] as const
const TYPES = ['object', 'array', 'string', 'number', 'integer', 'boolean', 'null'] as const
type Type = (typeof TYPES)[number]

/** Keywords by which a schema without `type` is about one. Other types would be valid too; one is enough. */
const TYPE_HINTS: readonly (readonly [Type, readonly string[]])[] = [
  [
    'object',
    [
      'properties',
      'required',
      'additionalProperties',
      'patternProperties',
      'propertyNames',
      'minProperties',
      'maxProperties',
    ],
  ],
  ['array', ['items', 'prefixItems', 'minItems', 'maxItems', 'uniqueItems']],
  ['string', ['pattern', 'minLength', 'maxLength', 'format']],
  ['number', ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf']],
]

/** Adds the rules of a JSON schema to a grammar and returns the name of the first. Throws `schema-unsupported` naming the place. */
export function schemaRule(grammar: Grammar, schema: unknown, name: string): string {
  return new SchemaRules(grammar, schema, name).rule(schema, name, '')
}

/**
 * JSON Schema (2020-12, and what clients still send of older drafts) as rules. Everything that the rules write is valid;
 * not everything that is valid can be written. What cannot be guaranteed is refused.
 *
 * A schema becomes a list of alternatives without `allOf`, `anyOf` and `oneOf`; each of them one rule a type.
 */
class SchemaRules {
  readonly #grammar: Grammar
  readonly #root: unknown
  readonly #name: string
  /** Rules of what is referred to, by pointer: schemas may refer to themselves. */
  readonly #referred = new Map<string, string>()
  /** Pointers that are being followed without anything written in between. */
  #following = new Set<string>()
  #schemas = 0
  #depth = 0

  constructor(grammar: Grammar, root: unknown, name: string) {
    this.#grammar = grammar
    this.#root = root
    this.#name = name
  }

  rule(schema: unknown, name: string, place: Place): string {
    if (++this.#schemas > MAX_SCHEMAS) throw schemaFault(place, 'it is too large')
    if (++this.#depth > MAX_DEPTH) throw schemaFault(place, 'it is nested too deeply')
    try {
      return this.#rule(schema, name, place)
    } finally {
      this.#depth -= 1
    }
  }

  #rule(schema: unknown, name: string, place: Place): string {
    if (schema === true) return valueRule(this.#grammar)
    if (!isSchema(schema)) throw schemaFault(place, schema === false ? 'allows nothing' : 'is no schema')
    const reference = own(schema, '$ref')
    if (typeof reference === 'string' && meaningful(schema).length === 1) return this.#referredRule(reference, place)
    const bodies = this.#alternatives(schema, place).flatMap((each) => this.#simpleBodies(each, name, place))
    const distinct = [...new Set(bodies)]
    const [only] = distinct
    if (only === undefined) throw schemaFault(place, 'allows nothing')
    return distinct.length === 1 ? only : this.#grammar.rule(name, distinct.join(' | '))
  }

  #referredRule(reference: string, place: Place): string {
    const known = this.#referred.get(reference)
    if (this.#following.has(reference)) throw schemaFault(place, 'refers to itself without an end')
    if (known !== undefined) return known
    const { target, place: there } = this.#resolve(reference, place)
    const name = this.#grammar.reserve(`${this.#name}-${ruleName(reference)}`)
    this.#referred.set(reference, name)
    this.#following.add(reference)
    this.#grammar.define(name, this.rule(target, name, there))
    this.#following.delete(reference)
    return name
  }

  #resolve(reference: string, place: Place): { readonly target: unknown; readonly place: Place } {
    if (!/^#(\/|$)/.test(reference)) throw schemaFault(place, `'${reference.slice(0, 100)}' is not inside the schema`)
    let target: unknown = this.#root
    for (const step of pointerSteps(reference, place)) {
      target = isSchema(target)
        ? own(target, step)
        : Array.isArray(target)
          ? (target as unknown[])[Number(step)]
          : undefined
      if (target === undefined) throw schemaFault(place, `'${reference.slice(0, 100)}' leads nowhere`)
    }
    return { target, place: reference.slice(1) }
  }

  /** The schema as alternatives, each without combining keywords and references. */
  #alternatives(schema: Schema, place: Place): Schema[] {
    for (const key of REFUSED) if (own(schema, key) !== undefined) throw schemaFault(below(place, key), 'is not served')
    const { $ref: reference, allOf: _, anyOf, oneOf, nullable, ...base } = schema
    let alternatives: Schema[] = [base]
    const both = (others: readonly Schema[]): void => {
      alternatives = alternatives.flatMap((first) => others.map((second) => mergeSchemas(first, second, place)))
      if (alternatives.length > MAX_ALTERNATIVES) throw schemaFault(place, 'has too many alternatives')
    }
    if (typeof reference === 'string') both(this.#referredAlternatives(reference, place))
    listOf(schema, 'allOf', place).forEach((part, index) =>
      both(this.#alternativesOf(part, below(place, 'allOf', index))),
    )
    for (const [key, list] of [
      ['anyOf', anyOf],
      ['oneOf', oneOf],
    ] as const) {
      if (list === undefined) continue
      const branches = listOf(schema, key, place).map((part, index) =>
        this.#alternativesOf(part, below(place, key, index)),
      )
      if (key === 'oneOf' && !areApart(branches)) {
        throw schemaFault(
          below(place, key),
          'has branches that may hold both; use anyOf, or a property with a const in each',
        )
      }
      both(branches.flat())
    }
    return nullable === true ? [...alternatives, { type: 'null' }] : alternatives
  }

  #alternativesOf(part: unknown, place: Place): Schema[] {
    if (part === true) return [{}]
    // A branch that allows nothing is none.
    if (part === false) return []
    if (!isSchema(part)) throw schemaFault(place, 'is no schema')
    if (++this.#schemas > MAX_SCHEMAS) throw schemaFault(place, 'it is too large')
    const reference = own(part, '$ref')
    // Alone it stays a reference: what it leads to may lead back here.
    if (typeof reference === 'string' && meaningful(part).length === 1) return [{ $ref: reference }]
    return this.#alternatives(part, place)
  }

  #referredAlternatives(reference: string, place: Place): Schema[] {
    if (this.#following.has(reference)) throw schemaFault(place, 'refers to itself without an end')
    const { target, place: there } = this.#resolve(reference, place)
    this.#following.add(reference)
    try {
      return this.#expanded(this.#alternativesOf(target, there), there)
    } finally {
      this.#following.delete(reference)
    }
  }

  /** References among alternatives, followed: what is merged with others has to be known. */
  #expanded(alternatives: readonly Schema[], place: Place): Schema[] {
    return alternatives.flatMap((each) => {
      const reference = own(each, '$ref')
      return typeof reference === 'string' ? this.#referredAlternatives(reference, place) : [each]
    })
  }

  /** Names of rules, one for each type that the schema allows. */
  #simpleBodies(schema: Schema, name: string, place: Place): string[] {
    const reference = own(schema, '$ref')
    if (typeof reference === 'string') {
      if (meaningful(schema).length === 1) return [this.#referredRule(reference, place)]
      return this.#alternatives(schema, place).flatMap((each) => this.#simpleBodies(each, name, place))
    }
    if (['const', 'enum'].some((key) => own(schema, key) !== undefined)) return [this.#enumRule(schema, name, place)]
    const types = typesOf(schema, place)
    if (types === 'any') return [valueRule(this.#grammar)]
    // An integer is a number.
    const needed = types.includes('number') ? types.filter((type) => type !== 'integer') : types
    return needed.map((type) => this.#typeRule(type, schema, needed.length === 1 ? name : `${name}-${type}`, place))
  }

  #typeRule(type: Type, schema: Schema, name: string, place: Place): string {
    const grammar = this.#grammar
    const inside: RuleOf = (part, partName, there) => this.#inside(part, partName, there)
    if (type === 'object') return objectRuleOf(grammar, schema, name, place, inside)
    if (type === 'array') return arrayRuleOf(grammar, schema, name, place, inside)
    if (type === 'string') return stringRuleOf(grammar, schema, name, place)
    if (type === 'boolean') return booleanRule(grammar)
    return type === 'null' ? nullRule(grammar) : numberRuleOf(grammar, schema, type === 'integer', name, place)
  }

  /** A part that something is written before: from here a reference may lead back. */
  #inside(part: unknown, name: string, place: Place): string {
    const following = this.#following
    this.#following = new Set()
    try {
      return this.rule(part, name, place)
    } finally {
      this.#following = following
    }
  }

  #enumRule(schema: Schema, name: string, place: Place): string {
    const [constant, list] = [own(schema, 'const'), own(schema, 'enum')]
    if (list !== undefined && !Array.isArray(list)) throw schemaFault(below(place, 'enum'), 'has to be a list')
    const listed = list === undefined ? [constant] : (list as unknown[])
    if (listed.length > MAX_ENUM) throw schemaFault(below(place, 'enum'), `has more than ${MAX_ENUM} values`)
    const types = typesOf(schema, place, true)
    const isAllowed = (value: unknown): boolean => {
      const isConstant = constant === undefined || JSON.stringify(constant) === JSON.stringify(value)
      return isConstant && (types === 'any' || types.some((type) => isOfType(value, type)))
    }
    const values = listed.filter(isAllowed).map((value) => literal(JSON.stringify(value)))
    if (values.length === 0) throw schemaFault(place, 'allows nothing')
    return this.#grammar.rule(name, [...new Set(values)].join(' | '))
  }
}

function typesOf(schema: Schema, place: Place, isEnum = false): readonly Type[] | 'any' {
  const type = own(schema, 'type')
  if (type === undefined) {
    if (isEnum) return 'any'
    const hint = TYPE_HINTS.find(([, keys]) => keys.some((key) => own(schema, key) !== undefined))
    return hint ? [hint[0]] : 'any'
  }
  const types = Array.isArray(type) ? (type as unknown[]) : [type]
  return types.map((each) => {
    const known = TYPES.find((name) => name === each)
    if (!known)
      throw schemaFault(below(place, 'type'), `${(JSON.stringify(each) ?? '').slice(0, 50)} is no type of JSON Schema`)
    return known
  })
}

function isOfType(value: unknown, type: Type): boolean {
  if (type === 'null') return value === null
  if (type === 'array') return Array.isArray(value)
  if (type === 'object') return isSchema(value)
  if (type === 'integer') return Number.isInteger(value)
  return typeof value === type
}

function pointerSteps(reference: string, place: Place): string[] {
  try {
    return reference
      .slice(2)
      .split('/')
      .filter((step, index, all) => step !== '' || all.length > 1)
      .map((step) => decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~'))
  } catch {
    throw schemaFault(place, `'${reference.slice(0, 100)}' is no reference`)
  }
}

/** A rule may have letters, digits and hyphens in its name. */
function ruleName(reference: string): string {
  const name = reference.slice(reference.lastIndexOf('/') + 1).replaceAll(/[^a-zA-Z0-9]+/g, '-')
  return `ref-${name.slice(0, 40)}`
}
