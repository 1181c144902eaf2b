import type { ServerEntries } from '../spec/server-settings.ts'
import type { Environment } from './environment.ts'

/** Servers, and the API keys of those that find theirs in the environment. */
export interface KnownServers {
  readonly entries: ServerEntries
  /** Secret; by the server's name. An object without prototype. */
  readonly keys: Readonly<Record<string, string>>
}

/** The keys of servers that name a variable, and which of those variables nobody has set. */
export function serverKeys(
  entries: ServerEntries,
  env: Environment,
): { readonly keys: Readonly<Record<string, string>>; readonly notices: string[] } {
  const keys = Object.create(null) as Record<string, string>
  const notices: string[] = []
  for (const [name, { key }] of Object.entries(entries)) {
    if (key?.kind !== 'variable') continue
    const value = env[key.name]?.trim()
    if (value) keys[name] = value
    else notices.push(`servers.${name}: the variable ${key.name} is not set, so the server is asked without a key.`)
  }
  return { keys, notices }
}
