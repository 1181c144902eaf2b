import type { ModelEntries, ModelEntry } from '../spec/model-entry.ts'
import type { ServerEntries, ServerSettings } from '../spec/server-settings.ts'
import { socketPathOf } from './listeners.ts'

/** The value of a key with its paths put where its writer means them: `place` makes an absolute path of a written one. */
export function placedValue(key: string, value: unknown, place: (written: string) => string): unknown {
  if (key === 'listen') return placedListeners(value as string | readonly string[], place)
  if (key === 'models.folders') return (value as readonly string[]).map(place)
  if (key === 'kvcache.folder') return value === undefined ? undefined : place(value as string)
  if (key === 'servers') return placedServers(value as ServerEntries, place)
  if (key === 'engines.llamaServer') return placedProgram(value as string, place)
  return key === 'models.entries' ? placedEntries(value as ModelEntries, place) : value
}

function placedListeners(
  written: string | readonly string[],
  place: (written: string) => string,
): string | readonly string[] {
  if (typeof written === 'string') return written
  return written.map((listener) => {
    const path = socketPathOf(listener)
    return path === undefined ? listener : `unix:${place(path)}`
  })
}

function placedEntries(entries: ModelEntries, place: (written: string) => string): ModelEntries {
  const placed = Object.create(null) as Record<string, ModelEntry>
  for (const [name, entry] of Object.entries(entries)) {
    const { source, settings } = entry
    const { template, loras } = settings
    placed[name] = {
      ...entry,
      ...(source?.kind === 'file' && { source: { kind: 'file', path: place(source.path) } }),
      settings: {
        ...settings,
        ...(template?.kind === 'file' && { template: { kind: 'file', path: place(template.path) } }),
        ...(loras && { loras: loras.map(({ path, scale }) => ({ path: place(path), scale })) }),
      },
    }
  }
  return placed
}

function placedServers(servers: ServerEntries, place: (written: string) => string): ServerEntries {
  const placed = Object.create(null) as Record<string, ServerSettings>
  for (const [name, server] of Object.entries(servers)) {
    const { key } = server
    const placedKey = key?.kind === 'file' && { key: { kind: 'file' as const, path: place(key.path) } }
    if (server.kind === 'remote') {
      placed[name] = { ...server, ...placedKey }
      continue
    }
    const { command, cwd } = server
    const [program = '', ...words] = command
    placed[name] = {
      ...server,
      command: [placedProgram(program, place), ...words],
      ...(cwd !== undefined && { cwd: place(cwd) }),
      ...placedKey,
    }
  }
  return placed
}

/** A program with the look of a path is one; any other is looked for by PATH, and `auto` and `off` are none. */
function placedProgram(program: string, place: (written: string) => string): string {
  return /^(?:~|\.{1,2})[/\\]/.test(program) ? place(program) : program
}

/** Every path in a value, as it stands there. */
export function pathsIn(key: string, value: unknown): string[] {
  const paths: string[] = []
  // A socket is made by us: that nothing stands at its path is as it should be.
  if (key === 'listen') return paths
  placedValue(key, value, (path) => {
    paths.push(path)
    return path
  })
  return paths
}
