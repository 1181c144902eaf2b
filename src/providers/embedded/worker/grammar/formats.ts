/** A format of JSON Schema as a grammar: only what every validator takes, not all that it could be. */
export interface Format {
  readonly body: string
  /** Characters, at least and at most. */
  readonly least: number
  readonly most: number
  /** Patterns that clients send beside it and that everything it writes matches. */
  readonly satisfies?: readonly string[]
}

const HEX = '[0-9a-f]'
const YEAR = '[12] [0-9]{3}'
/** Days that every month has: no date that is none. */
const DATE = String.raw`${YEAR} "-" ("0" [1-9] | "1" [0-2]) "-" ("0" [1-9] | "1" [0-9] | "2" [0-8])`
const CLOCK = String.raw`([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9] ":" [0-5] [0-9]`
const ZONE = '"Z"'
const OCTET = '("25" [0-5] | "2" [0-4] [0-9] | "1" [0-9]{2} | [1-9] [0-9] | [0-9])'
const LABEL = '[a-z] ([a-z0-9]{0,30} [a-z0-9])?'

/** From RFC 3339, RFC 4122, RFC 5321 and RFC 3986, as `ajv-formats` checks them. */
export const FORMATS: Readonly<Record<string, Format>> = {
  date: { body: DATE, least: 10, most: 10 },
  time: { body: `${CLOCK} ${ZONE}`, least: 9, most: 9 },
  'date-time': { body: `${DATE} "T" ${CLOCK} ("." [0-9]{1,6})? ${ZONE}`, least: 20, most: 27 },
  uuid: { body: `${HEX}{8} "-" ${HEX}{4} "-4" ${HEX}{3} "-" [89ab] ${HEX}{3} "-" ${HEX}{12}`, least: 36, most: 36 },
  ipv4: { body: `${OCTET} "." ${OCTET} "." ${OCTET} "." ${OCTET}`, least: 7, most: 15 },
  email: {
    body: `[a-z0-9] ([a-z0-9]{0,30} [a-z0-9])? ("." [a-z0-9]{1,30}){0,2} "@" ${LABEL} ("." ${LABEL}){0,2} "." [a-z]{2,6}`,
    least: 6,
    most: 263,
    satisfies: [
      // zod 4 and zod 3.
      String.raw`^(?!\.)(?!.*\.\.)([A-Za-z0-9_'+\-\.]*)[A-Za-z0-9_+-]@([A-Za-z0-9][A-Za-z0-9\-]*\.)+[A-Za-z]{2,}$`,
      String.raw`^(?!\.)(?!.*\.\.)([A-Z0-9_'+\-\.]*)[A-Z0-9_+-]@([A-Z0-9][A-Z0-9\-]*\.)+[A-Z]{2,}$`,
    ],
  },
  hostname: { body: `${LABEL} ("." ${LABEL}){0,3}`, least: 1, most: 131 },
  uri: {
    body: `"http" "s"? "://" ${LABEL} ("." ${LABEL}){0,3} ("/" [a-zA-Z0-9._~-]{0,40}){0,8} ("?" [a-zA-Z0-9._~=&-]{1,80})?`,
    least: 8,
    most: 548,
  },
}
