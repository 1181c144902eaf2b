import { GrymClient } from '../client/grym-client.ts'
import type { Config } from '../config/config.ts'
import { readEnvironment } from '../config/environment.ts'
import { urlOf } from '../config/listen-address.ts'
import { loadConfig, type LoadInput } from '../config/load-config.ts'
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

/** What a verb is given that must work with a configuration that does not. */
export interface BareContext {
  readonly terminal: Terminal
  /** From what the configuration would be made. */
  readonly input: LoadInput
}

export function createBareContext(flags: Flags, isJson: boolean): BareContext {
  const input = { env: readEnvironment(), flags, workingFolder: process.cwd() }
  return { terminal: new Terminal(isJson), input }
}

/** Reads the configuration; what is to be noted about it is told once, here. Rejects with `config-invalid`. */
export async function createContext(flags: Flags, isJson: boolean, signal: AbortSignal): Promise<Context> {
  const { terminal, input } = createBareContext(flags, isJson)
  const config = loadConfig(input)
  for (const notice of config.notices) terminal.notice(notice)
  const runningClient = async (): Promise<GrymClient | undefined> => {
    const { foldersOf } = await import('../app/compose.ts')
    const { readRunningDaemon } = await import('../app/running-daemon.ts')
    const url = await readRunningDaemon((await foldersOf(config)).home)
    return url === undefined ? undefined : new GrymClient(url)
  }
  const isAddressGiven = config.origins['listen'] === 'flag' || config.origins['listen'] === 'environment'
  return {
    terminal,
    config,
    signal,
    runningClient,
    // An address that was given for this call is meant; else the state folder knows where its daemon is. The one in
    // the file is where a daemon would listen that was given no other.
    client: async () => (isAddressGiven ? undefined : await runningClient()) ?? new GrymClient(urlOf(config.listen)),
  }
}
