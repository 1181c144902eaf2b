import { GrymClient } from '../client/grym-client.ts'
import { type Config, resolveConfig } from '../config/config.ts'
import { readEnvironment } from '../config/environment.ts'
import { urlOf } from '../config/listen-address.ts'
import { Terminal } from './terminal.ts'

/** Values of the command line by flag. */
export type Flags = Readonly<Record<string, string | number | undefined>>

/** What every verb is given. */
export interface Context {
  readonly terminal: Terminal
  readonly config: Config
  /** Aborts on Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal
  /** The running daemon: the one of the state folder, else the one at `GRYM_HOST`. */
  client(): Promise<GrymClient>
  /** The running daemon of the state folder; `undefined` when none answers. */
  runningClient(): Promise<GrymClient | undefined>
}

export function createContext(flags: Flags, isJson: boolean, signal: AbortSignal): Context {
  const config = resolveConfig({ env: readEnvironment(), flags })
  const runningClient = async (): Promise<GrymClient | undefined> => {
    const { foldersOf } = await import('../app/compose.ts')
    const { readRunningDaemon } = await import('../app/running-daemon.ts')
    const url = await readRunningDaemon((await foldersOf(config)).home)
    return url === undefined ? undefined : new GrymClient(url)
  }
  const isAddressGiven =
    config.origins['listen'] !== 'default' || flags['--port'] !== undefined || flags['--host'] !== undefined
  return {
    terminal: new Terminal(isJson),
    config,
    signal,
    runningClient,
    // An address that was given is meant; without one the state folder knows where its daemon is.
    client: async () => (isAddressGiven ? undefined : await runningClient()) ?? new GrymClient(urlOf(config.listen)),
  }
}
