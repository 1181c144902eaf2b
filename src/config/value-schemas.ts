import { z } from 'zod'
import { ResourceError } from '../spec/errors.ts'
import { nearMatches } from '../spec/near-matches.ts'
import { parseBytes, parseDurationMs } from '../spec/units.ts'

/*
 * The kinds of values that options have. Each says what is allowed as its error, so that a refused value is answered
 * with what would have been right.
 */

/** Longest text of a name, a path or an address. */
const MAX_TEXT_CHARACTERS = 4_096
/** Longest text of a prompt or a template. */
const MAX_PROSE_CHARACTERS = 262_144
/** Most members of a list that a person writes. */
const MAX_LIST_ITEMS = 1_000

export function wholeNumber(least: number, most: number): z.ZodType<number, number> {
  const error = `a whole number from ${least} to ${most}`
  return z.int({ error }).min(least, { error }).max(most, { error })
}

export function numberFrom(least: number, most: number): z.ZodType<number, number> {
  const error = `a number from ${least} to ${most}`
  return z.number({ error }).min(least, { error }).max(most, { error })
}

export function numberAbove0(most: number, what = 'a number'): z.ZodType<number, number> {
  const error = `${what} above 0, up to ${most}`
  return z.number({ error }).gt(0, { error }).max(most, { error })
}

export const yesOrNo: z.ZodType<boolean, boolean> = z.boolean({ error: 'true or false' })

/** Control characters have no business in a name or a path; a line end in one would forge lines of the log. */
// eslint-disable-next-line no-control-regex -- control characters are what is looked for
const NO_CONTROL = /^[^\u0000-\u001f\u007f]*$/

export function text(what = 'text', mostCharacters: number = MAX_TEXT_CHARACTERS): z.ZodType<string, string> {
  const error = `${what} of 1 to ${mostCharacters} characters, without control characters`
  return z.string({ error }).min(1, { error }).max(mostCharacters, { error }).regex(NO_CONTROL, { error })
}

/** Text of many lines. */
export function prose(): z.ZodType<string, string> {
  const error = `text of 1 to ${MAX_PROSE_CHARACTERS} characters`
  return z.string({ error }).min(1, { error }).max(MAX_PROSE_CHARACTERS, { error })
}

export function oneOf<const Choices extends readonly [string, ...string[]]>(
  choices: Choices,
): z.ZodType<Choices[number], Choices[number]> {
  return z.enum(choices, { error: `one of ${choices.join(', ')}` })
}

/** A group of named values and no others; every one may be left out. */
export function group<Shape extends z.ZodRawShape>(shape: Shape, what: string): z.ZodObject<Shape, z.core.$strict> {
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code !== 'unrecognized_keys') return `a group of ${what}`
      return (issue.keys as readonly string[]).map((key) => unknownKey(key, Object.keys(shape))).join('; ')
    },
  })
}

/** What is said of a name that nobody knows. */
export function unknownKey(key: string, known: readonly string[]): string {
  const near = nearMatches(key.slice(0, 100), known)
  const advice = near.length > 0 ? `did you mean ${near.join(' or ')}?` : `there are: ${known.join(', ')}.`
  return `'${key.slice(0, 100)}' is no key; ${advice}`
}

/** A list, or one text in which its items stand between separators. */
export function listOf(item: z.ZodType<string, string>, separator: string): z.ZodType<string[], string | string[]> {
  const error = `a list of up to ${MAX_LIST_ITEMS} texts, or one text with ${JSON.stringify(separator)} between them`
  const items = z.array(item, { error }).max(MAX_LIST_ITEMS, { error })
  const split = text().transform((written) =>
    written
      .split(separator)
      .map((part) => part.trim())
      .filter((part) => part !== ''),
  )
  return z.union([items, split.pipe(items)], { error })
}

/** A list, or its only item. */
export function oneOrMore<Output, Input>(
  item: z.ZodType<Output, Input>,
  most: number,
  what: string,
): z.ZodType<Output[], Input | Input[]> {
  const error = `${what}, or a list of up to ${most}`
  return z.union([z.array(item, { error }).max(most, { error }), item.transform((only) => [only])], { error })
}

export const webAddress: z.ZodType<string, string> = z.url({
  protocol: /^https?$/,
  error: 'an address that begins with http:// or https://',
})

const ENGINE_ADDRESS_ALLOWED = '`auto`, `off`, or an address that begins with http:// or https://'

/** Where an engine's server answers. */
export const engineAddress: z.ZodType<string, string> = z
  .union([z.enum(['auto', 'off']), webAddress], { error: ENGINE_ADDRESS_ALLOWED })
  // It is shown; what is secret has an option of its own.
  .refine((written) => !/^https?:\/\/[^/]*@/.test(written), { error: `${ENGINE_ADDRESS_ALLOWED}, without a password` })

const BYTES_ALLOWED = 'a size above 0, such as 6GiB, 500MB or 1048576 (bytes)'

export const byteCount: z.ZodType<number, number | string> = z
  .union([z.number(), z.string()], { error: BYTES_ALLOWED })
  .transform(reader(parseBytes, BYTES_ALLOWED))
  .pipe(z.int({ error: BYTES_ALLOWED }).positive({ error: BYTES_ALLOWED }))

/** The same, or 0 = none at all. */
export const byteCountOrNone: z.ZodType<number, number | string> = z
  .union([z.number(), z.string()], { error: BYTES_ALLOWED })
  .transform(reader(parseBytes, BYTES_ALLOWED))
  .pipe(z.int({ error: BYTES_ALLOWED }).nonnegative({ error: BYTES_ALLOWED }))

const DURATION_ALLOWED =
  'a duration: text such as 5m, 90s or 1h30m (a bare number in text is seconds), or a number of ms'

function durationMs(allowed: string, isAllowed: (ms: number) => boolean): z.ZodType<number, number | string> {
  return z
    .union([z.number(), z.string()], { error: allowed })
    .transform(reader(parseDurationMs, allowed))
    .refine((ms) => !Number.isNaN(ms) && isAllowed(ms), { error: allowed })
}

/** A time that may be none: 0 is at once, -1 is `Infinity`. A number is ms, as the guide has it. */
export const idleMs: z.ZodType<number, number | string> = durationMs(
  `${DURATION_ALLOWED}; 0 = at once, -1 = no timer`,
  (ms) => ms === Infinity || (ms >= 0 && ms <= Number.MAX_SAFE_INTEGER),
)

/** A time that must be more than nothing and have an end. */
export const deadlineMs: z.ZodType<number, number | string> = durationMs(
  `${DURATION_ALLOWED}; more than 0, and with an end`,
  (ms) => ms > 0 && ms <= Number.MAX_SAFE_INTEGER,
)

/** A time that must be more than nothing; -1 is `Infinity`. */
export const lifetimeMs: z.ZodType<number, number | string> = durationMs(
  `${DURATION_ALLOWED}; more than 0, -1 = no end`,
  (ms) => ms === Infinity || (ms > 0 && ms <= Number.MAX_SAFE_INTEGER),
)

/** Text as people write it, a number as it is; -1 as a number means what it means as text. */
function reader(parse: (written: string) => number, allowed: string) {
  return (value: number | string, context: z.RefinementCtx): number => {
    if (typeof value === 'number') return value === -1 ? Infinity : value
    try {
      return parse(value)
    } catch (error) {
      if (!(error instanceof ResourceError)) throw error
      context.addIssue({ code: 'custom', message: allowed })
      return z.NEVER
    }
  }
}

/** Text of the environment or the command line as the number it writes; what is none stays as it is. */
export function readNumber(written: string): unknown {
  const value = Number(written)
  return written.trim() === '' || Number.isNaN(value) ? written : value
}

const TRUTHS: ReadonlyMap<string, boolean> = new Map([
  ...['true', '1', 'yes', 'on'].map((word) => [word, true] as const),
  ...['false', '0', 'no', 'off'].map((word) => [word, false] as const),
])

/** Text of the environment or the command line as yes or no; what is neither stays as it is. */
export function readYesOrNo(written: string): unknown {
  return TRUTHS.get(written.trim().toLowerCase()) ?? written
}
