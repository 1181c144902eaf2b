import type { z } from 'zod'

/**
 * Where an option may be set: `outside` = flags and environment only (the file is found by it), `start` = in the
 * file, too, read once at the start, `live` = also by `configure()` while grym runs.
 */
export type OptionScope = 'outside' | 'start' | 'live'

/** A variable of Ollama's that is believed when nothing of ours is set. */
export interface Hint {
  readonly variable: string
  /** Values by which Ollama means its own default. */
  readonly unsetValues?: readonly string[]
}

/** How one configured value is written, checked and found. */
export interface Option {
  /** Name in messages and in `grym.yaml`; each dot is one level. */
  readonly key: string
  /** Of the value as the file and `configure()` have it. Its errors say what is allowed. */
  readonly schema: z.ZodType
  /** Turns the text of a variable or a flag into such a value; absent = the schema takes text. */
  readonly readText?: (written: string) => unknown
  readonly defaultValue: unknown
  readonly scope: OptionScope
  /** Environment variable; absent = none. */
  readonly env?: string
  /** Command line flag; absent = none. */
  readonly flag?: string
  readonly hint?: Hint
  /** Never shown. */
  readonly isSecret?: boolean
  /** A map whose members `configure()` adds to those that are there. */
  readonly isMap?: boolean
  /** What it is: meaning, unit. */
  readonly help: string
}
