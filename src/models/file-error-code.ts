/** What the file system calls an error (`EACCES`). Throws what is none of the file system's. */
export function fileErrorCode(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code
  throw error
}
