import { type Grammar } from './grammar.ts'
import { spaceRule, valueRule } from './json-rules.ts'
import { below, countOf, own, type Place, type RuleOf, type Schema, schemaFault } from './schema-fault.ts'

/** Arrays: first the items that have a place of their own (`prefixItems`), then any number of others. */
export function arrayRuleOf(grammar: Grammar, schema: Schema, name: string, place: Place, ruleOf: RuleOf): string {
  const [least, most] = [countOf(schema, 'minItems', place) ?? 0, countOf(schema, 'maxItems', place) ?? Infinity]
  if (least > most) throw schemaFault(place, 'minItems is larger than maxItems')
  if (own(schema, 'uniqueItems') === true && most > 1) {
    throw schemaFault(below(place, 'uniqueItems'), 'cannot be kept to')
  }
  const space = spaceRule(grammar)
  const { placed, others } = itemsOf(schema, place)
  const first = placed.slice(0, most).map(({ value, place: there }, index) => ruleOf(value, `${name}-${index}`, there))
  const leastMore = Math.max(0, least - first.length)
  const mostMore = others === false ? 0 : most - first.length
  if (leastMore > mostMore) throw schemaFault(below(place, 'minItems'), 'is more than there may be')
  const item =
    mostMore === 0 ? '' : others === true ? valueRule(grammar) : ruleOf(others, `${name}-item`, below(place, 'items'))
  const joined = first.join(` ${space} "," ${space} `)
  if (first.length > 0) {
    const more =
      mostMore === 0 ? '' : grammar.repeat(`${name}-more`, `"," ${space} ${item} ${space}`, leastMore, mostMore)
    return grammar.rule(name, `"[" ${space} ${joined} ${space} ${more} "]"`)
  }
  if (mostMore === 0) return grammar.rule(name, `"[" ${space} "]"`)
  const more = grammar.repeat(`${name}-more`, `"," ${space} ${item} ${space}`, Math.max(0, leastMore - 1), mostMore - 1)
  const items = `${item} ${space} ${more}`
  return grammar.rule(name, `"[" ${space} ${leastMore > 0 ? items : `(${items})?`} "]"`)
}

interface Items {
  readonly placed: readonly { readonly value: unknown; readonly place: Place }[]
  /** `true` = of any kind; `false` = there are none. */
  readonly others: unknown
}

/** In the older form a list in `items` has the places, and `additionalItems` the others. */
function itemsOf(schema: Schema, place: Place): Items {
  const [prefix, items, additional] = [own(schema, 'prefixItems'), own(schema, 'items'), own(schema, 'additionalItems')]
  const key = Array.isArray(items) ? 'items' : 'prefixItems'
  const list = Array.isArray(items) ? items : (prefix ?? [])
  if (!Array.isArray(list)) throw schemaFault(below(place, 'prefixItems'), 'has to be a list of schemas')
  const placed = (list as unknown[]).map((value, index) => ({ value, place: below(place, key, index) }))
  const others = Array.isArray(items) ? additional : items
  // Nobody means a tuple to go on with anything at all; leaving more out is always valid.
  return { placed, others: others ?? (placed.length === 0 || mustHaveMore(schema, placed.length)) }
}

function mustHaveMore(schema: Schema, placed: number): boolean {
  const least = own(schema, 'minItems')
  return typeof least === 'number' && least > placed
}
