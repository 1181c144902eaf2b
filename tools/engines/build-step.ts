import { spawn } from 'node:child_process'
import { accessSync, constants, createWriteStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { finished } from 'node:stream/promises'

/** What is shown of the log of a build that broke. */
const LOG_TAIL_LINES = 15

/** A thing that is not here and that a person can get; never a fault of the build itself. */
export class MissingTool extends Error {}

/** The program by `PATH`. */
export function findProgram(name: string): string | undefined {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, name)
    if (folder !== '' && isExecutable(path)) return path
  }
  return undefined
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Throws {@link MissingTool} with the way to get what is not here. */
export function requirePrograms(names: readonly string[], debianPackages: string): void {
  const absent = names.filter((name) => findProgram(name) === undefined)
  if (absent.length > 0) {
    throw new MissingTool(`${absent.join(', ')} not installed (Debian: apt-get install ${debianPackages})`)
  }
}

/** Runs one step of a build, its output in a log. Rejects with the log's last lines. */
export async function runStep(
  command: readonly [string, ...string[]],
  { logPath, env = {} }: { readonly logPath: string; readonly env?: Readonly<Record<string, string>> },
): Promise<void> {
  const log = createWriteStream(logPath, { flags: 'a' })
  log.write(`$ ${command.join(' ')}\n`)
  const [program, ...args] = command
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } })
  child.stdout.pipe(log, { end: false })
  child.stderr.pipe(log, { end: false })
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  log.end()
  await finished(log)
  if (status === 0) return
  const tail = (await readFile(logPath, 'utf8')).trimEnd().split('\n').slice(-LOG_TAIL_LINES).join('\n')
  throw new Error(`${program} ended with ${status}; ${logPath} ends so:\n${tail}`)
}
