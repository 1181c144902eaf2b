import type { Capability } from './status.ts'

/** Where the secret of a server is found: it stands in no configuration itself. */
export type ServerKeySource =
  /** The first line of a file. */
  | { readonly kind: 'file'; readonly path: string }
  /** The environment variable of this name. */
  | { readonly kind: 'variable'; readonly name: string }

/** What kind of server it is: `auto` = it is looked at when it is loaded. */
export type ServerEngine = 'auto' | 'llama-server' | 'other'

interface AnyServerSettings {
  /** What it is asked for; default: its name here. */
  readonly model?: string
  readonly contextTokens?: number
  /** Requests at once. */
  readonly parallel?: number
  /** Default `completion` and `tools`. */
  readonly capabilities?: readonly Capability[]
  readonly engine: ServerEngine
  /** How long an answer may be silent before the server is asked whether it lives, ms. */
  readonly stuckAfterMs?: number
  readonly key?: ServerKeySource
}

/** A command that serves OpenAI's HTTP on a port, started and stopped by grym. */
export interface CommandServerSettings extends AnyServerSettings {
  readonly kind: 'command'
  /** A program and its arguments; `${port}` stands for the port. No shell reads them. */
  readonly command: readonly string[]
  /** 0 = any free one. */
  readonly port: number
  /** Added to grym's own environment. */
  readonly env: Readonly<Record<string, string>>
  readonly cwd?: string
  /** Path that answers with a good status once it is ready. */
  readonly healthPath: string
  /** Run to stop it, before signals are sent; `${port}` and `${pid}` are filled in. */
  readonly stop?: readonly string[]
  readonly startDeadlineMs: number
  /** What it takes, by a person's word, until it is measured. */
  readonly memoryBytes?: number
}

/** A server that others run: it is asked, and neither started nor stopped. */
export interface RemoteServerSettings extends AnyServerSettings {
  readonly kind: 'remote'
  /** With the version, without a slash at the end: `https://host/v1`. */
  readonly url: string
}

export type ServerSettings = CommandServerSettings | RemoteServerSettings

/** By name, in the order in which they were written; an object without prototype. */
export type ServerEntries = Readonly<Record<string, ServerSettings>>

/** How long a server may take to be ready, where nobody says otherwise, ms. */
export const DEFAULT_START_DEADLINE_MS = 300_000
