import { codeOf } from '../spec/error-code.ts'
import { ResourceError, resourceError } from '../spec/errors.ts'

/** `cache-operation-failed`, saying what to do, for what a disk says when it takes nothing. */
export function asCacheFailure(error: unknown, folder: string): ResourceError {
  if (error instanceof ResourceError) return error
  return resourceError('cache-operation-failed', words(error, folder), { cause: error })
}

function words(error: unknown, folder: string): string {
  const code = codeOf(error)
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return `no room is left on the disk of ${folder}. Free some, run \`grym cache clear\`, or set kvcache.folder to another disk.`
    case 'EROFS':
    case 'EACCES':
    case 'EPERM':
      return `${folder} cannot be written to (${code}). Make it writable for this user, or set kvcache.folder to another one.`
    case 'EFBIG':
      return `${folder} takes no file of this size (${code}). Raise the limit (\`ulimit -f\`), or set kvcache.folder to another disk.`
    case undefined:
    default:
      return error instanceof Error ? error.message : String(error)
  }
}
