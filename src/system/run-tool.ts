import { execFile } from 'node:child_process'

/** How long a program that tells about the machine may take, ms: one that hangs must not stop a reading. */
const DEADLINE_MS = 2_000
/** Most of its output that is read. */
const MAX_OUTPUT_BYTES = 1_048_576
/** Longest text kept of why it failed. */
const MAX_WHY_CHARACTERS = 200

export type ToolRun =
  | { readonly state: 'done'; readonly text: string }
  /** This system does not have it. */
  | { readonly state: 'absent' }
  /** It is there and did not answer: its own words, or what became of it. */
  | { readonly state: 'failed'; readonly why: string }

/** What a program runs in; default: what we run in. */
export interface ToolSurroundings {
  /** All of it. */
  readonly environment?: Readonly<Record<string, string | undefined>>
  readonly cwd?: string | undefined
}

/** Runs a program of the system, without a shell, and never rejects. */
export function runTool(
  file: string,
  args: readonly string[],
  deadlineMs: number = DEADLINE_MS,
  { environment, cwd }: ToolSurroundings = {},
): Promise<ToolRun> {
  const options = {
    timeout: deadlineMs,
    killSignal: 'SIGKILL',
    maxBuffer: MAX_OUTPUT_BYTES,
    windowsHide: true,
    encoding: 'utf8',
    ...(environment && { env: { ...environment } }),
    ...(cwd !== undefined && { cwd }),
  } as const
  return new Promise((resolve) => {
    const tell = (error: ToolError | null, stdout = '', stderr = ''): void => {
      if (!error) return resolve({ state: 'done', text: stdout })
      if (typeof error.code === 'string' && ABSENT.has(error.code)) return resolve({ state: 'absent' })
      resolve({ state: 'failed', why: whyOf(error, firstLine(stderr) || firstLine(stdout), deadlineMs) })
    }
    try {
      execFile(file, args, options, tell)
    } catch (error) {
      // Some failures to start are thrown at once (a file where PATH names a folder).
      tell(error instanceof Error ? error : new Error(String(error)))
    }
  })
}

type ToolError = Error & { readonly code?: string | number | null; readonly killed?: boolean }

const ABSENT: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'EACCES'])

function whyOf(error: ToolError, words: string, deadlineMs: number): string {
  if (error.code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER') return 'it printed too much'
  if (error.killed) return `it did not answer within ${deadlineMs} ms`
  return words || firstLine(error.message)
}

function firstLine(text: string): string {
  return (text.trim().split('\n')[0] ?? '').trim().slice(0, MAX_WHY_CHARACTERS)
}
