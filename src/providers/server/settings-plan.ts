import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { resourceError } from '../../spec/errors.ts'
import type { ModelDefinition } from '../../spec/model.ts'
import type { CommandServerSettings, ServerEntries, ServerSettings } from '../../spec/server-settings.ts'
import { isLlamaServer, llamaServerArguments } from './llama-server-arguments.ts'
import type { CommandRun, ServerPlan } from './server-plan.ts'

/** What the keys of engines and the ids of models of configured servers begin with. */
export const SERVER_PREFIX = 'server:'

export interface SettingsPlanOptions {
  readonly entries: ServerEntries
  /** API keys found in the environment, by the server's name. */
  readonly keys: Readonly<Record<string, string>>
  /** grym's own: commands inherit it. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Where llama-servers are to save the states of slots. Absent = nowhere. */
  readonly stateFolder?: string | undefined
}

/** How a model of a configured server is served. Rejects with `model-not-found` where there is none of its name. */
export async function settingsPlan(options: SettingsPlanOptions, definition: ModelDefinition): Promise<ServerPlan> {
  const { entries, keys, environment } = options
  const name = definition.engineKey.slice(SERVER_PREFIX.length)
  const settings = Object.hasOwn(entries, name) ? entries[name] : undefined
  if (!settings) {
    const message = `There is no server '${name}' in the configuration any more. Add it under \`servers\`, or ask for another model.`
    throw resourceError('model-not-found', message, { details: { name } })
  }
  const key = (await keyInFile(name, settings)) ?? keys[name]
  const stateFolder = settings.kind === 'command' && takesFolder(settings.command) ? options.stateFolder : undefined
  return {
    title: `server '${name}'`,
    model: definition.engineName ?? settings.model ?? name,
    engine: settings.engine,
    ...(key !== undefined && { key }),
    ...(settings.stuckAfterMs !== undefined && { stuckAfterMs: settings.stuckAfterMs }),
    ...(stateFolder !== undefined && { stateFolder }),
    run:
      settings.kind === 'remote'
        ? { kind: 'remote', url: settings.url }
        : commandRun(settings, environment, stateFolder === undefined ? [] : [SLOT_FOLDER_FLAG, stateFolder]),
  }
}

/**
 * May a folder for the states of slots be added at the end of this command? It has to be a llama-server that sees our folders
 * (behind `docker run` it would not start for want of it) and has none from a person.
 */
function takesFolder(command: readonly string[]): boolean {
  const at = command.findIndex(isLlamaServer)
  const isPlain = at === 0 || (at > 0 && WRAPPERS.has(basename(command[0] ?? '')))
  return isPlain && !command.includes(SLOT_FOLDER_FLAG)
}

const SLOT_FOLDER_FLAG = '--slot-save-path'
/** Programs that become the one they start. */
const WRAPPERS = new Set(['nice', 'ionice', 'env', 'taskset', 'numactl', 'chrt'])

function commandRun(
  settings: CommandServerSettings,
  inherited: SettingsPlanOptions['environment'],
  added: readonly string[],
): CommandRun {
  const { command, port, env, cwd, healthPath, stop, startDeadlineMs } = settings
  const { modelPath, isMapped } = llamaServerArguments(command, cwd)
  return {
    kind: 'command',
    command: [...command, ...added],
    port,
    environment: { ...inherited, ...env },
    healthPath,
    startDeadlineMs,
    ...(cwd !== undefined && { cwd }),
    ...(stop !== undefined && { stop }),
    ...(modelPath !== undefined && isMapped && { weightsPath: modelPath }),
  }
}

async function keyInFile(name: string, { key }: ServerSettings): Promise<string | undefined> {
  if (key?.kind !== 'file') return undefined
  const written = await readFile(key.path, 'utf8').catch((cause: unknown) => {
    const message = `The key of server '${name}' cannot be read from ${key.path}. Make the file readable, or correct servers.${name}.keyFile.`
    throw resourceError('server-start-failed', message, { cause })
  })
  const [first = ''] = written.split('\n')
  if (first.trim() !== '') return first.trim()
  const message = `The first line of ${key.path} is empty, and should be the key of server '${name}'. Write it there, or leave out servers.${name}.keyFile.`
  throw resourceError('server-start-failed', message)
}
