import { stat } from 'node:fs/promises'
import { runTool } from '../../system/run-tool.ts'

/** Programs whose flags are remembered. */
const MAX_PROGRAMS = 16
/** How long it may take to print its help, ms; 14 are usual. */
const DEADLINE_MS = 10_000

/** By path and time of change: a program is asked once, and again when it is another one. */
const asked = new Map<string, Promise<ReadonlySet<string> | undefined>>()

/**
 * The flags that a llama-server knows, by its help: it refuses to start for one that it does not know, and what is installed
 * may be years old. `undefined` = it does not say.
 */
export async function llamaServerFlags(binary: string): Promise<ReadonlySet<string> | undefined> {
  const changedAtMs = await stat(binary).then(
    ({ mtimeMs }) => mtimeMs,
    // That it is gone shows when it is started.
    () => undefined,
  )
  if (changedAtMs === undefined) return undefined
  const key = `${binary}\n${changedAtMs}`
  const flags = asked.get(key) ?? askForFlags(binary)
  asked.delete(key)
  asked.set(key, flags)
  const [oldest] = asked.keys()
  if (asked.size > MAX_PROGRAMS && oldest !== undefined) asked.delete(oldest)
  return flags
}

async function askForFlags(binary: string): Promise<ReadonlySet<string> | undefined> {
  const run = await runTool(binary, ['--help'], DEADLINE_MS)
  return run.state === 'done' ? flagsIn(run.text) : undefined
}

/** Flags in a help text; `undefined` where it has none of llama-server's. */
export function flagsIn(help: string): ReadonlySet<string> | undefined {
  const flags = new Set([...help.matchAll(/(?:^|[\s,])(--[a-z][a-z0-9-]*)/gm)].map(([, flag]) => flag ?? ''))
  return flags.has('--ctx-size') ? flags : undefined
}
