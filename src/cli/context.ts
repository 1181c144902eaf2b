import { GrymClient } from '../client/grym-client.ts'
import type { Config } from '../config/config.ts'
import { readEnvironment } from '../config/environment.ts'
import type { RunningDaemon } from '../app/running-daemon.ts'
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
  const isAddressGiven = config.origins['listen'] === 'flag' || config.origins['listen'] === 'environment'
  const runningDaemon = async (): Promise<RunningDaemon | undefined> => {
    const { foldersOf } = await import('../app/compose.ts')
    const { readRunningDaemon } = await import('../app/running-daemon.ts')
    return readRunningDaemon((await foldersOf(config)).home)
  }
  // The token of our own daemon opens that one only, and is sent nowhere else.
  const clientOf = ({ url, token }: RunningDaemon): GrymClient => new GrymClient(url, { key: token ?? config.apiKey })
  const runningClient = async (): Promise<GrymClient | undefined> => {
    const daemon = await runningDaemon()
    return daemon && clientOf(daemon)
  }
  const client = async (): Promise<GrymClient> => {
    const url = urlOf(config.listen)
    const daemon = await runningDaemon()
    // An address that was given for this call is meant; else the state folder knows where its daemon is. The one in
    // the file is where a daemon would listen that was given no other.
    if (daemon && (!isAddressGiven || daemon.url === url)) return clientOf(daemon)
    return new GrymClient(url, { key: config.apiKey })
  }
  return {
    terminal,
    config,
    signal,
    runningClient,
    client,
  }
}
