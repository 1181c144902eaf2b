import { homedir } from 'node:os'
import { delimiter, resolve } from 'node:path'
import { ResourceError, resourceError } from '../spec/errors.ts'
import { DEFAULT_SETTINGS, type Settings } from '../spec/settings.ts'
import { type Environment, proxiesOf } from './environment.ts'
import { type ListenAddress, parseListenAddress } from './listen-address.ts'
import { type Option, OPTIONS } from './options.ts'

/** Where a value came from. */
export type Origin = 'default' | 'environment' | 'flag'

export interface ConfigInput {
  readonly env: Environment
  /** Values of flags by their flag, `--port` among them. */
  readonly flags: Readonly<Record<string, string | number | undefined>>
}

/** The whole configuration, checked and frozen. */
export interface Config {
  readonly homeHint: string | undefined
  readonly userHome: string
  readonly xdgDataHome: string | undefined
  readonly xdgConfigHome: string | undefined
  readonly localAppData: string | undefined
  readonly listen: ListenAddress
  readonly modelFolders: readonly string[]
  readonly defaultModel: string
  readonly contextTokens: number
  /** `null` = no idle timer. */
  readonly idleTimeoutMs: number | null
  readonly settings: Settings
  readonly http: {
    readonly maxBodyBytes: number
    readonly keepAliveAfterMs: number
    readonly allowedHosts: readonly string[]
  }
  readonly logLevel: string
  readonly pull: {
    readonly hfEndpoint: string
    readonly hfToken: string | undefined
    readonly pipIndexUrl: string | undefined
    readonly proxies: ReturnType<typeof proxiesOf>
  }
  readonly origins: Readonly<Record<string, Origin>>
}

/** Resolves the configuration: flags before environment before defaults. Throws `invalid-request` naming the key. */
export function resolveConfig({ env, flags }: ConfigInput): Config {
  const origins: Record<string, Origin> = {}
  const values = new Map<string, unknown>()
  for (const option of OPTIONS) {
    const { value, origin } = pick(option, env, flags)
    values.set(option.key, origin === 'default' ? option.defaultValue : check(option, value, origin))
    origins[option.key] = origin
  }
  const read = <Value>(key: string): Value => values.get(key) as Value
  const inactivityTimeoutMs = read<number>('limits.inactivityTimeout')
  const idleTimeoutMs = Number.isFinite(inactivityTimeoutMs) ? inactivityTimeoutMs : null
  const folders = read<string | undefined>('models.folders')
  const home = read<string | undefined>('home')
  if (flags['--host'] !== undefined || flags['--port'] !== undefined) origins['listen'] = 'flag'
  return frozen({
    homeHint: home === undefined ? undefined : resolve(home),
    userHome: env['HOME'] || homedir(),
    xdgDataHome: env['XDG_DATA_HOME'],
    xdgConfigHome: env['XDG_CONFIG_HOME'],
    localAppData: env['LOCALAPPDATA'],
    listen: listenAddress(read<string>('listen'), flags),
    modelFolders: (folders ?? '')
      .split(delimiter)
      .filter((folder) => folder !== '')
      .map((folder) => resolve(folder)),
    defaultModel: read<string>('models.default'),
    contextTokens: read<number>('models.contextTokens'),
    idleTimeoutMs,
    settings: {
      ...DEFAULT_SETTINGS,
      limits: {
        ...DEFAULT_SETTINGS.limits,
        maxModelsLoaded: read<number>('limits.maxModelsLoaded'),
        memoryThreshold: read<number>('limits.memoryThreshold'),
        inactivityTimeoutMs,
        loadTimeoutMs: read<number>('limits.loadTimeout'),
        maxQueuedRequests: read<number>('limits.maxQueuedRequests'),
        whenFull: read<'evict' | 'reject'>('limits.whenFull'),
      },
      sampling: {
        ...DEFAULT_SETTINGS.sampling,
        intervalMs: read<number>('monitoring.sampleIntervalMs'),
        publishIntervalMs: read<number>('monitoring.intervalMs'),
      },
    },
    http: {
      maxBodyBytes: read<number>('http.maxBodyBytes'),
      keepAliveAfterMs: read<number>('http.keepAliveAfterMs'),
      allowedHosts: splitList(read<string | undefined>('http.allowedHosts')),
    },
    logLevel: read<string>('log.level'),
    pull: {
      hfEndpoint: read<string>('pull.hfEndpoint'),
      hfToken: read<string | undefined>('pull.hfToken'),
      pipIndexUrl: read<string | undefined>('pull.pipIndexUrl'),
      proxies: proxiesOf(env),
    },
    origins,
  })
}

function pick(
  option: Option,
  env: Environment,
  flags: ConfigInput['flags'],
): { readonly value: unknown; readonly origin: Origin } {
  const flagged = option.flag === undefined ? undefined : flags[option.flag]
  if (flagged !== undefined) return { value: flagged, origin: 'flag' }
  const inherited = option.env === undefined ? undefined : env[option.env]
  // An empty variable is how a shell unsets one for a command.
  if (inherited !== undefined && inherited !== '') return { value: inherited, origin: 'environment' }
  return { value: undefined, origin: 'default' }
}

function check(option: Option, value: unknown, origin: Origin): unknown {
  const name = origin === 'flag' ? option.flag : option.env
  const refuse = (why: string): never => {
    const shown = option.isSecret ? 'its value' : `'${String(value).slice(0, 100)}'`
    const message = `${name} (${option.key}): ${shown} is not allowed: ${why} ${option.help}`
    throw resourceError('invalid-request', message, { details: { key: option.key } })
  }
  try {
    const result = option.schema.safeParse(value)
    if (result.success) return result.data
    return refuse(`${result.error.issues.map((issue) => issue.message).join('; ')}.`)
  } catch (error) {
    // The readers of sizes and durations say what is wrong in their own words.
    if (error instanceof ResourceError && error.details?.['key'] === undefined) return refuse(error.message)
    throw error
  }
}

/** `--host` and `--port` win over `GRYM_HOST`, each on its own. */
function listenAddress(text: string, flags: ConfigInput['flags']): ListenAddress {
  const host = flags['--host']
  const inherited = readAddress('GRYM_HOST', text)
  const base = host === undefined ? inherited : readAddress('--host', String(host), inherited.port)
  const port = flags['--port']
  if (port === undefined) return base
  const wanted = Number(port)
  if (!Number.isInteger(wanted) || wanted < 0 || wanted > 65_535 || String(port).trim() === '') {
    const message = `--port (listen): '${port}' is not allowed: a whole number from 0 to 65535.`
    throw resourceError('invalid-request', message, { details: { key: 'listen' } })
  }
  return { host: base.host, port: wanted }
}

function readAddress(name: string, text: string, port?: number): ListenAddress {
  try {
    return parseListenAddress(text, port)
  } catch (error) {
    if (!(error instanceof ResourceError)) throw error
    throw resourceError('invalid-request', `${name} (listen): ${error.message}`, { details: { key: 'listen' } })
  }
}

/** The value with all that it holds, for good. */
function frozen<Value extends object>(value: Value): Value {
  for (const part of Object.values(value)) if (typeof part === 'object' && part !== null) frozen(part)
  return Object.freeze(value)
}

function splitList(text: string | undefined): string[] {
  return (text ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
}
