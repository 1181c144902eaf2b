import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { codeOf } from '../spec/error-code.ts'

/** The file's text, or `undefined` when it is not there or cannot be read by us; other errors are thrown. */
export async function readOptional(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (isAbsence(error)) return undefined
    throw error
  }
}

/**
 * The same at once, for the small files that the kernel makes up: one takes about 20 µs, while through the thread pool
 * its four calls cost ten times as much CPU.
 */
export function readKernelFile(path: string, encoding: 'utf8' | 'latin1' = 'utf8'): string | undefined {
  try {
    return readFileSync(path, encoding)
  } catch (error) {
    if (isAbsence(error)) return undefined
    throw error
  }
}

const ABSENT: ReadonlySet<string | undefined> = new Set([
  'ENOENT',
  'ENOTDIR',
  'EACCES',
  'EPERM',
  'ENODEV',
  'EOPNOTSUPP',
  'ESRCH',
])

/** "It is not there": missing, not for us, or gone while it was read (a process that ended). */
export function isAbsence(error: unknown): boolean {
  return ABSENT.has(codeOf(error))
}
