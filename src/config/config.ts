import { delimiter, resolve } from 'node:path'
import type { AccessKeys } from '../spec/access-keys.ts'
import { resourceError } from '../spec/errors.ts'
import type { GpuChoice } from '../spec/gpu.ts'
import type { ModelEntries } from '../spec/model-entry.ts'
import type { KvType } from '../spec/model.ts'
import type { ServerEntries } from '../spec/server-settings.ts'
import type { Settings } from '../spec/settings.ts'
import type { ConfigFile } from './config-file.ts'
import { DEFAULT_SOURCE, inconsistencies } from './consistency.ts'
import { engineAddresses, type EngineSettings } from './engine-addresses.ts'
import { type Environment, proxiesOf } from './environment.ts'
import { addressesOf, type Listeners, listenersOf, listenerText } from './listeners.ts'
import { ollamaHost } from './ollama-host.ts'
import { ollamaModelFolders } from './ollama-models.ts'
import type { Option } from './option.ts'
import { OPTIONS } from './options.ts'
import { placedValue } from './placed-values.ts'
import { configInvalid, problemsOf } from './problems.ts'
import {
  type BufferSettings,
  buffersOf,
  type CacheSettings,
  type ConversationSettings,
  conversationsOf,
  type JournalSettings,
  journalOf,
  kvcacheOf,
  modelSizesOf,
  type PreservationSettings,
  preservationOf,
  pressureOf,
  type PressureSettings,
  settingsOf,
  type Values,
} from './sections.ts'
import { type KnownServers, serverKeys } from './server-keys.ts'
import { stateFolderOf, userHomeOf } from './state-folder.ts'

/** Where a value came from; `hint` = a variable of Ollama's. */
export type Origin = 'default' | 'hint' | 'file' | 'environment' | 'flag' | 'configure'

export interface ConfigInput {
  readonly env: Environment
  /** Values of flags by their flag, `--port` among them. */
  readonly flags: Readonly<Record<string, string | number | undefined>>
  /** The configuration file, read; absent = there is none. */
  readonly file?: ConfigFile | undefined
}

/** The whole configuration, checked and frozen. */
export interface Config extends Listeners {
  /** The state folder: holds everything grym writes. */
  readonly home: string
  readonly userHome: string
  readonly xdgConfigHome: string | undefined
  /** NVIDIA's own variable: which of its GPUs programs may see. */
  readonly cudaVisibleDevices: string | undefined
  /** The configuration file that was read; `undefined` = none was there. */
  readonly configFile: string | undefined
  /** Who may use the daemon; empty = everybody who reaches it. */
  readonly keys: AccessKeys
  /** Secret: what is sent to a daemon of somebody else. */
  readonly apiKey: string | undefined
  readonly modelFolders: readonly string[]
  /** Where Ollama may keep its models, the first that is there counts; empty = they are none of ours. */
  readonly ollamaFolders: readonly string[]
  readonly engines: EngineSettings
  /** What serves OpenAI's HTTP beside those. */
  readonly servers: KnownServers
  readonly defaultModel: string
  readonly contextTokens: number
  /** Requests that one model serves at once. */
  readonly parallel: number
  readonly kvType: KvType
  /** What computes beside the CPU. */
  readonly gpu: GpuChoice
  /** Layers of a model that lie on GPUs at most. */
  readonly mostGpuLayers: number
  /** Settings of single models; see `resolveModelEntry`. */
  readonly entries: ModelEntries
  /** What models take by a person's word, bytes by model name; an object without prototype. */
  readonly modelSizesBytes: Readonly<Record<string, number>>
  /** `null` = no idle timer. */
  readonly idleTimeoutMs: number | null
  readonly settings: Settings
  readonly buffers: BufferSettings
  readonly memoryPressure: PressureSettings
  readonly contextPreservation: PreservationSettings
  readonly conversations: ConversationSettings
  readonly journal: JournalSettings
  readonly kvcache: CacheSettings
  readonly debug: boolean
  readonly http: {
    readonly maxBodyBytes: number
    readonly keepAliveAfterMs: number
    readonly allowedHosts: readonly string[]
  }
  /** `debug` while `debug` is on. */
  readonly logLevel: string
  readonly pull: {
    readonly hfEndpoint: string
    readonly hfToken: string | undefined
    readonly pipIndexUrl: string | undefined
    readonly proxies: ReturnType<typeof proxiesOf>
  }
  /** Checked values by key, secrets among them. */
  readonly values: Values
  readonly origins: Readonly<Record<string, Origin>>
  /** Who set each value, for people: `grym.yaml:12`, `GRYM_HOME`, `--home`. */
  readonly sources: Readonly<Record<string, string>>
  /** What a person should know and that stops nothing. */
  readonly notices: readonly string[]
}

interface Picked {
  readonly value: unknown
  readonly origin: Origin
  readonly source: string
}

/**
 * Resolves the configuration: flags before environment, file, Ollama's variables, defaults. Throws `config-invalid`
 * with all that is wrong in the file, `invalid-request` for a flag or a variable; both name the key.
 */
export function resolveConfig({ env, flags, file }: ConfigInput): Config {
  if (file && file.problems.length > 0) throw configInvalid(file.path, file.problems)
  const notices: string[] = []
  const picked = OPTIONS.map((option): [string, Picked] => [option.key, pick(option, { env, flags, file }, notices)])
  const part = <Name extends keyof Picked>(name: Name): Record<string, Picked[Name]> =>
    Object.fromEntries(picked.map(([key, from]) => [key, from[name]]))
  const values = part('value')
  const origins = part('origin')
  const sources = part('source')
  const listeners = listenersOf({
    picked: values['listen'] as string | string[],
    source: sources['listen'] ?? '',
    inFile: file?.values.get('listen')?.value as string | string[] | undefined,
    flags,
  })
  const listenFlags = ['--host', '--port'].filter((flag) => flags[flag] !== undefined)
  if (listenFlags.length > 0) {
    origins['listen'] = 'flag'
    sources['listen'] = listenFlags.join(' ')
  }
  const texts = [listeners.listen, ...listeners.furtherListeners].map(listenerText)
  values['listen'] = texts.length === 1 ? texts[0] : texts
  const ours = addressesOf(listeners)
  const { notice } = ollamaHost(env, ours)
  if (notice !== undefined) notices.push(notice)
  const asked = { ollama: String(values['engines.ollama']), lmStudio: String(values['engines.lmStudio']) }
  const { notices: engineNotices, ...addresses } = engineAddresses(asked, env, ours)
  notices.push(...engineNotices)
  const { keys, notices: keyNotices } = serverKeys(values['servers'] as ServerEntries, env)
  notices.push(...keyNotices)
  values['config'] = file?.path
  const home = stateFolderOf(env, values['home'] as string | undefined, process.cwd(), process.platform)
  values['home'] = home
  for (const [name, source] of file?.entrySources ?? []) sources[`models.entries.${name}`] = source
  const around = {
    home,
    userHome: userHomeOf(env),
    xdgConfigHome: env['XDG_CONFIG_HOME'],
    cudaVisibleDevices: env['CUDA_VISIBLE_DEVICES'],
    configFile: file?.path,
    ollamaFolders: ollamaModelFolders(env, process.platform),
    engines: {
      ...addresses,
      lmStudioToken: values['engines.lmStudioToken'] as string | undefined,
      llamaServer: String(values['engines.llamaServer']),
      programFolders: (env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== ''),
    },
    servers: { entries: values['servers'] as ServerEntries, keys },
    ...listeners,
    proxies: proxiesOf(env),
    values,
    origins,
    sources,
    notices,
  }
  return settled(around, file?.path ?? 'The configuration')
}

/** The same surroundings with other values; what `configure()` makes. Throws `config-invalid`. */
export function withValues(config: Config, changed: Pick<Config, 'values' | 'origins' | 'sources'>): Config {
  return settled({ ...config, proxies: config.pull.proxies, ...changed }, 'configure')
}

/** What a configuration is made of: its values, and what is around them. */
type Surroundings = Pick<
  Config,
  | 'home'
  | 'userHome'
  | 'xdgConfigHome'
  | 'cudaVisibleDevices'
  | 'configFile'
  | 'ollamaFolders'
  | 'engines'
  | 'servers'
  | 'listen'
  | 'furtherListeners'
  | 'values'
  | 'origins'
  | 'sources'
  | 'notices'
> & { readonly proxies: Config['pull']['proxies'] }

/** @param subject what is blamed for values that do not go together. */
function settled(around: Surroundings, subject: string): Config {
  const { values, sources } = around
  const problems = inconsistencies(values, (key) => sources[key] ?? DEFAULT_SOURCE)
  if (problems.length > 0) throw configInvalid(subject, problems)
  const read = <Value>(key: string): Value => values[key] as Value
  const settings = settingsOf(values)
  const { inactivityTimeoutMs } = settings.limits
  const debug = read<boolean>('debug')
  return frozen({
    home: around.home,
    userHome: around.userHome,
    xdgConfigHome: around.xdgConfigHome,
    cudaVisibleDevices: around.cudaVisibleDevices,
    configFile: around.configFile,
    listen: around.listen,
    furtherListeners: around.furtherListeners,
    keys: read<AccessKeys>('keys'),
    apiKey: read<string | undefined>('apiKey'),
    modelFolders: read<readonly string[]>('models.folders'),
    ollamaFolders: read<boolean>('models.ollama') ? around.ollamaFolders : [],
    engines: around.engines,
    servers: around.servers,
    defaultModel: read<string>('models.default'),
    contextTokens: read<number>('models.contextTokens'),
    parallel: read<number>('models.parallel'),
    kvType: read<KvType>('models.kvType'),
    gpu: read<GpuChoice>('models.gpu'),
    mostGpuLayers: read<number>('models.gpuLayers'),
    entries: read<ModelEntries>('models.entries'),
    modelSizesBytes: modelSizesOf(values),
    idleTimeoutMs: Number.isFinite(inactivityTimeoutMs) ? inactivityTimeoutMs : null,
    settings,
    buffers: buffersOf(values),
    memoryPressure: pressureOf(values),
    contextPreservation: preservationOf(values),
    conversations: conversationsOf(values),
    journal: journalOf(values),
    kvcache: kvcacheOf(values),
    debug,
    http: {
      maxBodyBytes: read<number>('http.maxBodyBytes'),
      keepAliveAfterMs: read<number>('http.keepAliveAfterMs'),
      allowedHosts: read<readonly string[]>('http.allowedHosts'),
    },
    logLevel: debug ? 'debug' : read<string>('log.level'),
    pull: {
      hfEndpoint: read<string>('pull.hfEndpoint'),
      hfToken: read<string | undefined>('pull.hfToken'),
      pipIndexUrl: read<string | undefined>('pull.pipIndexUrl'),
      proxies: around.proxies,
    },
    values,
    origins: around.origins,
    sources,
    notices: around.notices,
  })
}

function pick(option: Option, { env, flags, file }: ConfigInput, notices: string[]): Picked {
  const { key, flag, env: variable } = option
  const flagged = flag === undefined ? undefined : flags[flag]
  if (flag !== undefined && flagged !== undefined) {
    return { value: check(option, flagged, flag), origin: 'flag', source: flag }
  }
  const inherited = variable === undefined ? undefined : env[variable]
  // An empty variable is how a shell unsets one for a command.
  if (variable !== undefined && inherited !== undefined && inherited !== '') {
    return { value: check(option, inherited, variable), origin: 'environment', source: variable }
  }
  const written = file?.values.get(key)
  if (written) return { ...written, origin: 'file' }
  return hinted(option, env, notices) ?? { value: option.defaultValue, origin: 'default', source: 'default' }
}

/** What a variable of Ollama's says. One that cannot be used here is told and stops nothing: it was not meant for us. */
function hinted(option: Option, env: Environment, notices: string[]): Picked | undefined {
  const { hint, key } = option
  // Ollama takes quotes and blanks off its variables, too.
  const text = hint ? (env[hint.variable] ?? '').trim().replaceAll(/^["']+|["']+$/g, '') : ''
  if (!hint || text === '' || hint.unsetValues?.includes(text)) return undefined
  const result = option.schema.safeParse(option.readText?.(text) ?? text)
  if (result.success) return { value: result.data, origin: 'hint', source: hint.variable }
  const [first] = problemsOf(option, text, result.error, () => hint.variable)
  notices.push(`Not used: ${first?.message ?? key}`)
  return undefined
}

function check(option: Option, given: string | number, source: string): unknown {
  const value = typeof given === 'string' ? (option.readText?.(given) ?? given) : given
  const result = option.schema.safeParse(value)
  if (result.success) return placedValue(option.key, result.data, (path) => resolve(path))
  // Shown as it was given, not as it was read.
  const message = problemsOf(option, given, result.error, () => source)[0]?.message ?? `${source} (${option.key})`
  throw resourceError('invalid-request', message, { details: { key: option.key } })
}

/** The value with all that it holds, for good. */
function frozen<Value extends object>(value: Value): Value {
  for (const part of Object.values(value)) if (typeof part === 'object' && part !== null) frozen(part)
  return Object.freeze(value)
}
