import { createHash } from 'node:crypto'

/**
 * The file that a model is pulled into when an entry of the configuration says from where: named after the entry, with
 * what is no letter of a file name replaced and, then, a few digits that tell such names apart.
 */
export function entryFileName(name: string): string {
  const safe = name.replaceAll(/[^A-Za-z0-9._-]/g, '-').slice(0, 100)
  const isSame = safe === name && /^[A-Za-z0-9_-]/.test(name)
  return isSame ? `${safe}.gguf` : `${safe.replace(/^\.+/, '')}-${digest(name)}.gguf`
}

function digest(name: string): string {
  return createHash('sha256').update(name).digest('hex').slice(0, 8)
}
