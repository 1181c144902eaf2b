import { stat } from 'node:fs/promises'
import type { EngineKey } from '../../spec/model.ts'
import type { EngineModels, OfferedModel } from '../../spec/offered-model.ts'
import type { ServerEntries, ServerSettings } from '../../spec/server-settings.ts'
import type { Capability } from '../../spec/status.ts'
import { type LlamaServerArguments, llamaServerArguments } from './llama-server-arguments.ts'
import type { ServerFeatures } from './server-features.ts'
import { SERVER_PREFIX } from './settings-plan.ts'

const CAPABILITIES: readonly Capability[] = ['completion', 'tools']
const EMBEDS: readonly Capability[] = ['embedding']

/**
 * The models of configured servers, as the configuration and their command lines tell of them: nobody is asked over the
 * network to list them.
 */
export class ServerModels implements EngineModels {
  readonly platform = 'server'
  readonly fault: string | undefined = undefined
  readonly #entries: ServerEntries
  /** What loaded servers were found to be, by engine key: it holds for the next load, too. */
  readonly #found = new Map<EngineKey, ServerFeatures>()
  /** Stands for the time of a model whose file is not known. */
  readonly #sinceMs: number

  constructor(entries: ServerEntries, sinceMs: number) {
    this.#entries = entries
    this.#sinceMs = sinceMs
  }

  learn(engineKey: EngineKey, features: ServerFeatures): void {
    this.#found.set(engineKey, features)
  }

  async find(name: string): Promise<OfferedModel | undefined> {
    const settings = Object.hasOwn(this.#entries, name) ? this.#entries[name] : undefined
    return settings && this.#offer(name, settings)
  }

  async list(): Promise<readonly OfferedModel[]> {
    return Promise.all(Object.entries(this.#entries).map(([name, settings]) => this.#offer(name, settings)))
  }

  async #offer(name: string, settings: ServerSettings): Promise<OfferedModel> {
    const said = saidOf(settings)
    const found = this.#found.get(`${SERVER_PREFIX}${name}`)
    const file = said.modelPath === undefined ? undefined : await fileAt(said.modelPath)
    return {
      id: `${SERVER_PREFIX}${name}`,
      engineKey: `${SERVER_PREFIX}${name}`,
      engineName: settings.model ?? name,
      platform: 'server',
      modifiedAtMs: file?.modifiedAtMs ?? this.#sinceMs,
      sizeBytes: file?.sizeBytes ?? null,
      weights: said.modelPath === undefined ? {} : { path: said.modelPath },
      capabilities: settings.capabilities ?? (said.onlyEmbeds ? EMBEDS : capabilitiesOf(found)),
      architecture: null,
      parameterCount: null,
      quantization: null,
      trainContextTokens: null,
      chatTemplate: null,
      header: null,
      fixedContextTokens: settings.contextTokens ?? found?.contextTokens ?? said.contextTokens ?? null,
      fixedParallel: settings.parallel ?? found?.slots ?? said.slots ?? null,
      footprintBytes: (settings.kind === 'command' ? settings.memoryBytes : undefined) ?? null,
      isElsewhere: settings.kind === 'remote',
      settings: {},
    }
  }
}

/** Until it was looked at, a server is taken to do what most do. */
function capabilitiesOf(found: ServerFeatures | undefined): readonly Capability[] {
  const told = CAPABILITIES.filter((capability) => capability !== 'tools' || found?.hasTools !== false)
  return found?.hasVision === true ? [...told, 'vision'] : told
}

/** What the command line of a llama-server says; nothing of other servers. */
function saidOf(settings: ServerSettings): LlamaServerArguments {
  return settings.kind === 'command' ? llamaServerArguments(settings.command, settings.cwd) : llamaServerArguments([])
}

/** `undefined` = it is not there for us; whether the command finds it shows when it is started. */
async function fileAt(path: string): Promise<{ sizeBytes: number; modifiedAtMs: number } | undefined> {
  return stat(path).then(
    ({ size, mtimeMs }) => ({ sizeBytes: size, modifiedAtMs: Math.floor(mtimeMs) }),
    () => undefined,
  )
}
