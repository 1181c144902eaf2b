import type { Grammar } from './grammar.ts'
import { type MatchedText, PatternFault, patternRule } from './pattern-rule.ts'
import { type Place, schemaFault } from './schema-fault.ts'

/** The rule of a pattern that stands in a schema. Throws `schema-unsupported` naming its place and what is wrong with it. */
export function schemaPattern(grammar: Grammar, name: string, pattern: string, place: Place): MatchedText {
  try {
    return patternRule(grammar, name, pattern)
  } catch (error) {
    if (error instanceof PatternFault) throw schemaFault(place, `the pattern is not served: ${error.message}`)
    throw error
  }
}
