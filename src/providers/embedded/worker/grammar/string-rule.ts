import { FORMATS } from './formats.ts'
import { type Grammar } from './grammar.ts'
import { charRule, stringRule } from './json-rules.ts'
import { below, countOf, own, type Place, type Schema, schemaFault } from './schema-fault.ts'
import { schemaPattern } from './schema-pattern.ts'

/**
 * Strings by their lengths (in code points), a pattern or a format. A pattern wins over a format, which JSON Schema calls
 * an annotation; formats that are not known are one.
 */
export function stringRuleOf(grammar: Grammar, schema: Schema, name: string, place: Place): string {
  const [least, most] = [countOf(schema, 'minLength', place) ?? 0, countOf(schema, 'maxLength', place) ?? Infinity]
  if (least > most) throw schemaFault(place, 'minLength is larger than maxLength')
  const [pattern, format] = [own(schema, 'pattern'), own(schema, 'format')]
  const body = typeof format === 'string' && Object.hasOwn(FORMATS, format) ? FORMATS[format] : undefined
  if (typeof pattern === 'string') {
    const isKnown = body?.satisfies?.includes(pattern) ?? false
    if (!isKnown) return byPattern(grammar, { pattern, least, most }, name, below(place, 'pattern'))
  }
  if (body !== undefined) {
    if (least > body.least || most < body.most)
      throw schemaFault(place, `a length beside the format '${String(format)}' is not served`)
    return grammar.rule(name, String.raw`"\"" (${body.body}) "\""`)
  }
  if (least === 0 && most === Infinity) return stringRule(grammar)
  return grammar.rule(name, String.raw`"\"" ${grammar.repeat('char-of', charRule(grammar), least, most)} "\""`)
}

function byPattern(
  grammar: Grammar,
  { pattern, least, most }: { readonly pattern: string; readonly least: number; readonly most: number },
  name: string,
  place: Place,
): string {
  const matched = schemaPattern(grammar, `${name}-pattern`, pattern, place)
  if (matched.least < least || matched.most > most) {
    throw schemaFault(
      place,
      'a length that the pattern itself does not keep to is not served; write it into the pattern',
    )
  }
  return grammar.rule(name, String.raw`"\"" ${matched.name} "\""`)
}
