import { type Grammar, literal } from './grammar.ts'
import { keyRule, memberRule, objectRule, spaceRule } from './json-rules.ts'
import { otherKeyRule } from './other-key.ts'
import { below, countOf, isSchema, own, type Place, type RuleOf, type Schema, schemaFault } from './schema-fault.ts'
import { schemaPattern } from './schema-pattern.ts'

interface Property {
  readonly key: string
  readonly isRequired: boolean
  /** The key, a colon and the value. */
  readonly pair: string
}

/**
 * Objects. Properties come in the order of the schema, optional ones may be left out; one rule a property, so that many
 * optional ones cost no more than many. Where `properties` are given, others are written only if
 * `additionalProperties` asks for them by a schema: leaving them out is always valid.
 */
export function objectRuleOf(grammar: Grammar, schema: Schema, name: string, place: Place, ruleOf: RuleOf): string {
  const properties = propertiesOf(grammar, schema, name, place, ruleOf)
  const others = othersOf(
    grammar,
    schema,
    name,
    place,
    ruleOf,
    properties.map(({ key }) => key),
  )
  const [least, most] = [
    countOf(schema, 'minProperties', place) ?? 0,
    countOf(schema, 'maxProperties', place) ?? Infinity,
  ]
  const requiredCount = properties.filter(({ isRequired }) => isRequired).length
  // Two keys of a kind may be the same one, so what is written cannot be counted.
  if (least > Math.max(requiredCount, others !== undefined && properties.length === 0 ? 1 : 0)) {
    throw schemaFault(below(place, 'minProperties'), 'cannot be counted beyond the required properties')
  }
  const isBounded = most < properties.length || (others !== undefined && properties.length > 0 && most !== Infinity)
  if (isBounded) throw schemaFault(below(place, 'maxProperties'), 'is not served beside properties')
  const space = spaceRule(grammar)
  if (properties.length === 0) {
    if (others === undefined || most === 0) return grammar.rule(name, `"{" ${space} "}"`)
    if (others === ANY && least === 0 && most === Infinity) return objectRule(grammar)
    const member = others === ANY ? memberRule(grammar) : others
    const more = grammar.repeat(`${name}-more`, `"," ${space} ${member} ${space}`, 0, most - 1)
    const members = `${member} ${space} ${more}`
    return grammar.rule(name, `"{" ${space} ${least > 0 ? members : `(${members})?`} "}"`)
  }
  const member = others === ANY ? undefined : others
  return grammar.rule(name, `"{" ${space} ${membersBody(grammar, properties, member, name, space)} "}"`)
}

/** One alternative for each property that may come first; after it the rest, each with its comma. */
function membersBody(
  grammar: Grammar,
  properties: readonly Property[],
  other: string | undefined,
  name: string,
  space: string,
): string {
  const tails: string[] = []
  const more = other === undefined ? '' : grammar.rule(`${name}-others`, `("," ${space} ${other} ${space})*`)
  tails[properties.length] = more
  for (let index = properties.length - 1; index > 0; index--) {
    const { pair, isRequired } = properties[index] as Property
    const next = `"," ${space} ${pair} ${space}`
    tails[index] = grammar.rule(
      `${name}-from-${index}`,
      `${isRequired ? next : `(${next})?`} ${tails[index + 1]}`.trim(),
    )
  }
  const firstRequired = properties.findIndex(({ isRequired }) => isRequired)
  const mayBeFirst = firstRequired === -1 ? properties : properties.slice(0, firstRequired + 1)
  const bodies = mayBeFirst.map(({ pair }, index) => `${pair} ${space} ${tails[index + 1]}`.trim())
  if (firstRequired === -1 && other !== undefined) bodies.push(`${other} ${space} ${more}`)
  return firstRequired === -1 ? `(${bodies.join(' | ')})?` : `(${bodies.join(' | ')})`
}

function propertiesOf(grammar: Grammar, schema: Schema, name: string, place: Place, ruleOf: RuleOf): Property[] {
  const given = own(schema, 'properties') ?? {}
  if (!isSchema(given)) throw schemaFault(below(place, 'properties'), 'has to be an object')
  const required = own(schema, 'required') ?? []
  if (!Array.isArray(required) || !required.every((key) => typeof key === 'string')) {
    throw schemaFault(below(place, 'required'), 'has to be a list of names')
  }
  const requiredKeys = new Set(required)
  const additional = own(schema, 'additionalProperties')
  const unnamed = [...requiredKeys].filter((key) => !Object.hasOwn(given, key))
  if (unnamed.length > 0 && additional === false)
    throw schemaFault(below(place, 'required'), `'${String(unnamed[0]).slice(0, 50)}' is not allowed`)
  const space = spaceRule(grammar)
  const pairOf = (key: string, index: number, value: unknown, there: Place): string => {
    const rule = ruleOf(value, `${name}-${index}`, there)
    return grammar.rule(`${name}-pair-${index}`, `${literal(JSON.stringify(key))} ${space} ":" ${space} ${rule}`)
  }
  const entries: [string, unknown, Place][] = [
    ...Object.keys(given)
      // What may not be there is left out.
      .filter((key) => given[key] !== false || requiredKeys.has(key))
      .map((key): [string, unknown, Place] => [key, given[key], below(place, 'properties', key)]),
    ...unnamed.map((key): [string, unknown, Place] => [key, additional ?? true, below(place, 'required')]),
  ]
  return entries.map(([key, value, there], index) => ({
    key,
    isRequired: requiredKeys.has(key),
    pair: pairOf(key, index, value, there),
  }))
}

/** Stands for a member of any kind; no rule has this name. */
const ANY = '*'

/** The rule of a member that is not named: `undefined` = there is none. */
function othersOf(
  grammar: Grammar,
  schema: Schema,
  name: string,
  place: Place,
  ruleOf: RuleOf,
  keys: readonly string[],
): string | undefined {
  const additional = own(schema, 'additionalProperties')
  const patterns = own(schema, 'patternProperties')
  const names = own(schema, 'propertyNames')
  const space = spaceRule(grammar)
  const member = (key: string, value: unknown, there: Place): string =>
    grammar.rule(`${name}-member`, `${key} ${space} ":" ${space} ${ruleOf(value, `${name}-value`, there)}`)
  if (isSchema(patterns) && Object.keys(patterns).length > 0) {
    const [[pattern, value] = ['', true], ...more] = Object.entries(patterns)
    const there = below(place, 'patternProperties', pattern)
    if (keys.length > 0 || more.length > 0)
      throw schemaFault(there, 'is not served beside other properties or patterns')
    return member(patternKey(grammar, pattern, name, there), value, there)
  }
  if (additional === false) return undefined
  if (keys.length > 0 && !isSchema(additional)) return undefined
  const isAnyName =
    names === undefined || names === true || (isSchema(names) && Object.keys(names).every((key) => key === 'type'))
  if (!isAnyName && keys.length > 0) throw schemaFault(below(place, 'propertyNames'), 'is not served beside properties')
  if (!isAnyName)
    return member(
      ruleOf({ type: 'string', ...(names as Schema) }, `${name}-key`, below(place, 'propertyNames')),
      additional ?? true,
      below(place, 'additionalProperties'),
    )
  if (additional === undefined || additional === true) return ANY
  const key = keys.length === 0 ? keyRule(grammar) : otherKeyRule(grammar, `${name}-key`, keys)
  return member(key, additional, below(place, 'additionalProperties'))
}

function patternKey(grammar: Grammar, pattern: string, name: string, place: Place): string {
  const matched = schemaPattern(grammar, `${name}-key-pattern`, pattern, place)
  return grammar.rule(`${name}-key`, String.raw`"\"" ${matched.name} "\""`)
}
