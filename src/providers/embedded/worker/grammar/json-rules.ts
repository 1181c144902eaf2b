import type { Grammar } from './grammar.ts'

/*
 * The rules of JSON itself (RFC 8259). What could go on for ever without meaning is short: white space between values,
 * digits of a number.
 */

/** A little white space: a model that likes it could fill its answer with nothing else. */
export function spaceRule(grammar: Grammar): string {
  return grammar.rule('space', String.raw`"" | " " | "\n" [ \t]{0,20}`)
}

/** One character of a string, by itself or escaped; halves of surrogate pairs only together. */
export function charRule(grammar: Grammar): string {
  const hex = grammar.rule('hex', '[0-9a-fA-F]')
  const unicode = grammar.rule(
    'unicode',
    String.raw`"u" ([0-9abcefABCEF] ${hex}{3} | [dD] [0-7] ${hex}{2} | [dD] [89abAB] ${hex}{2} "\\u" [dD] [c-fC-F] ${hex}{2})`,
  )
  return grammar.rule('char', String.raw`[^"\\\x00-\x1F\x7F] | "\\" (["\\/bfnrt] | ${unicode})`)
}

export function stringRule(grammar: Grammar): string {
  return grammar.rule('string', String.raw`"\"" ${charRule(grammar)}* "\""`)
}

/** A key of an object that is not named by the schema: without escapes, so that it cannot spell another key. */
export function keyRule(grammar: Grammar): string {
  return grammar.rule('key', String.raw`"\"" [^"\\\x00-\x1F\x7F]* "\""`)
}

export function integerRule(grammar: Grammar): string {
  return grammar.rule('integer', '"-"? ("0" | [1-9] [0-9]{0,14})')
}

export function numberRule(grammar: Grammar): string {
  return grammar.rule('number', `${integerRule(grammar)} ("." [0-9]{1,15})? ([eE] [-+]? [0-9]{1,2})?`)
}

export function booleanRule(grammar: Grammar): string {
  return grammar.rule('boolean', '"true" | "false"')
}

export function nullRule(grammar: Grammar): string {
  return grammar.rule('null', '"null"')
}

/** Any value. */
export function valueRule(grammar: Grammar): string {
  const space = spaceRule(grammar)
  const scalars = [stringRule(grammar), numberRule(grammar), booleanRule(grammar), nullRule(grammar)]
  grammar.rule('any-member', `${keyRule(grammar)} ${space} ":" ${space} value`)
  grammar.rule('any-object', `"{" ${space} (any-member ${space} ("," ${space} any-member ${space})*)? "}"`)
  grammar.rule('any-array', `"[" ${space} (value ${space} ("," ${space} value ${space})*)? "]"`)
  return grammar.rule('value', ['any-object', 'any-array', ...scalars].join(' | '))
}

/** A key and any value. */
export function memberRule(grammar: Grammar): string {
  valueRule(grammar)
  return 'any-member'
}

/** Any object. */
export function objectRule(grammar: Grammar): string {
  valueRule(grammar)
  return 'any-object'
}
