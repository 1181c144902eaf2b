/** What the system or Node calls an error (`ENOENT`, `ERR_MODULE_NOT_FOUND`); `undefined` where it has no such name. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
