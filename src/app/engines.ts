import type { Config } from '../config/config.ts'
import { readEnvironment } from '../config/environment.ts'
import type { Providers } from '../manager/engine-room.ts'
import { findLlamaServer } from './llama-server-binary.ts'
import { LmStudioModels } from '../providers/lm-studio/lm-studio-models.ts'
import { LmStudioProvider } from '../providers/lm-studio/lm-studio-provider.ts'
import { LmStudioServer } from '../providers/lm-studio/server.ts'
import { OllamaConnection } from '../providers/ollama/ollama-connection.ts'
import { OllamaModels } from '../providers/ollama/ollama-models.ts'
import { OllamaProvider } from '../providers/ollama/ollama-provider.ts'
import { llamaServerPlan } from '../providers/server/llama-server-plan.ts'
import { prepareStateFolder, type StateKeeping } from '../providers/server/open-slot-states.ts'
import { ServerModels } from '../providers/server/server-models.ts'
import type { ServerPlan } from '../providers/server/server-plan.ts'
import { ServerProvider } from '../providers/server/server-provider.ts'
import { settingsPlan } from '../providers/server/settings-plan.ts'
import type { Clock } from '../spec/clock.ts'
import { isLlamaServerKey, type ModelDefinition } from '../spec/model.ts'
import type { EngineModels } from '../spec/offered-model.ts'
import type { ProcessMeter } from '../spec/system.ts'
import { OllamaRunners } from '../system/ollama-runners.ts'

export interface EngineConnections {
  readonly providers: Providers
  readonly models: readonly EngineModels[]
}

export interface ConnectOptions {
  readonly config: Config
  readonly clock: Clock
  readonly processMeter: ProcessMeter
  /** An engine that answers with it is ourselves. Absent where nobody listens. */
  readonly instanceId?: string
  /** Cores that engines may use. */
  readonly cores: number
  /** How often engines are asked what they hold. */
  readonly watchIntervalMs: () => number
  /** Idle timeout now of models that have none of their own; `null` = no timer. */
  readonly idleTimeoutMs: () => number | null
  readonly onSpawned?: (pid: number) => void
  readonly onExited?: (pid: number) => void
  /** Where states of slots are kept, and an own folder for the links to them. Absent = they are not. */
  readonly slotStates?: StateKeeping & { readonly folder: string }
}

/** One kind of engine, connected. */
interface Connected {
  readonly providers: Providers
  readonly models: EngineModels
}

/** Engines beside the embedded one, as they are configured. Nothing is asked of them before a model is. */
export function connectEngines(options: ConnectOptions): EngineConnections {
  const all = [connectOllama(options), connectLmStudio(options), connectServers(options)]
  const connected = all.filter((engine) => engine !== undefined)
  return {
    providers: Object.assign({}, ...connected.map(({ providers }) => providers)) as Providers,
    models: connected.map(({ models }) => models),
  }
}

function connectOllama(options: ConnectOptions): Connected | undefined {
  const { config, clock, processMeter, instanceId, watchIntervalMs } = options
  const { ollama } = config.engines
  if (!ollama) return undefined
  const connection = new OllamaConnection({
    baseUrl: ollama.url,
    clock,
    ...(instanceId !== undefined && { ownInstanceId: instanceId }),
  })
  // Ollama tells nobody how many requests it serves at once; its own variable is believed where it is set here.
  const parallel = config.origins['models.parallel'] === 'hint' ? config.parallel : 1
  const models = new OllamaModels({ connection, clock, isExpected: ollama.isExpected, parallel })
  const runners = new OllamaRunners()
  const provider = new OllamaProvider({ connection, models, clock, processMeter, runners, watchIntervalMs })
  return { providers: { ollama: provider }, models }
}

function connectLmStudio({ config, clock, watchIntervalMs, idleTimeoutMs }: ConnectOptions): Connected | undefined {
  const { lmStudio, lmStudioToken } = config.engines
  if (!lmStudio) return undefined
  const server = new LmStudioServer({
    baseUrl: lmStudio.url,
    clock,
    ...(lmStudioToken !== undefined && { token: lmStudioToken }),
  })
  const models = new LmStudioModels({ server, clock, isExpected: lmStudio.isExpected })
  const provider = new LmStudioProvider({ server, clock, watchIntervalMs, idleTimeoutMs })
  return { providers: { lmstudio: provider }, models }
}

/** Servers of the configuration, and llama-servers that are started for files whose entry wants one. */
function connectServers(options: ConnectOptions): Connected {
  const { config, clock, processMeter, cores, instanceId, onSpawned, onExited, slotStates } = options
  const { servers, engines, pull } = config
  const environment = readEnvironment()
  let preparing: Promise<string | undefined> | undefined
  const stateFolderOf = ({ folder, onFault }: NonNullable<typeof slotStates>): Promise<string | undefined> =>
    (preparing ??= prepareStateFolder(folder).then(
      () => folder,
      (error: unknown) => {
        onFault(error)
        return undefined
      },
    ))
  const planOf = async (definition: ModelDefinition): Promise<ServerPlan> => {
    const modelPath = definition.weights?.path
    const stateFolder = slotStates && (await stateFolderOf(slotStates))
    if (!isLlamaServerKey(definition.engineKey) || modelPath === undefined) {
      return settingsPlan({ ...servers, environment, stateFolder }, definition)
    }
    const binary = await findLlamaServer(engines)
    return llamaServerPlan({ binary, modelPath, definition, threads: cores, environment, stateFolder })
  }
  const models = new ServerModels(servers.entries, clock.nowMs())
  const provider = new ServerProvider({
    clock,
    onFeatures: (engineKey, features) => models.learn(engineKey, features),
    processMeter,
    planOf,
    proxies: pull.proxies,
    ...(instanceId !== undefined && { headers: { 'X-Grym-Instance': instanceId } }),
    ...(onSpawned && { onSpawned }),
    ...(onExited && { onExited }),
    ...(slotStates && { keeping: slotStates }),
  })
  return { providers: { server: provider }, models }
}
