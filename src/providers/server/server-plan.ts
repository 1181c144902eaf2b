import type { ServerEngine } from '../../spec/server-settings.ts'

/** How a model is served: by a command that is started here, or by somebody else. */
export interface ServerPlan {
  /** For people: `server 'qwen'`. */
  readonly title: string
  /** What the server is asked for. */
  readonly model: string
  readonly engine: ServerEngine
  /** Secret. */
  readonly key?: string
  /** See `AnyServerSettings`. */
  readonly stuckAfterMs?: number
  readonly run: CommandRun | RemoteRun
  /** The folder that its command is given for the states of slots; absent = none, or a person's own. */
  readonly stateFolder?: string
}

export interface CommandRun {
  readonly kind: 'command'
  /** A program and its arguments; `${port}` stands for the port, here and in the environment. */
  readonly command: readonly string[]
  /** 0 = any free one. */
  readonly port: number
  /** All of it. */
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly cwd?: string
  readonly healthPath: string
  /** Run before signals are sent; `${port}` and `${pid}` are filled in. */
  readonly stop?: readonly string[]
  readonly startDeadlineMs: number
  /** Where the weights lie that it maps, as far as that is known. */
  readonly weightsPath?: string
}

export interface RemoteRun {
  readonly kind: 'remote'
  /** With the version, without a slash at the end. */
  readonly url: string
}

/** The same text with values in the place of `${name}`; names that are not given stay. */
export function filledIn(text: string, values: Readonly<Record<string, string | number>>): string {
  return text.replaceAll(/\$\{(\w+)\}/g, (whole, name: string) =>
    Object.hasOwn(values, name) ? String(values[name]) : whole,
  )
}
