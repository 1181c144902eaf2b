import { codeOf } from '../spec/error-code.ts'

/** What the file system calls an error (`EACCES`). Throws what is none of the file system's. */
export function fileErrorCode(error: unknown): string {
  const code = codeOf(error)
  if (code === undefined) throw error
  return code
}
