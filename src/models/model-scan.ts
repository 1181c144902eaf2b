import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

/** A model file, or the first of a split one. */
export interface FoundModel {
  /** Name it is listed under: the file's name without `.gguf`, with its folder's in front where that is taken. */
  readonly name: string
  readonly path: string
  /** Of all its parts. */
  readonly sizeBytes: number
  readonly modifiedAtMs: number
}

const MAX_DEPTH = 6
const MAX_FILES = 10_000
/** `model-00001-of-00003.gguf` (llama.cpp's `gguf-split`). */
const SPLIT_PART = /-(\d{5})-of-\d{5}\.gguf$/i

/**
 * Finds `*.gguf` in these folders and below. Linked files count, linked folders are not followed (a link to a parent
 * would never end). Unreadable folders are passed over. Deterministic: sorted by path within each folder given.
 */
export async function scanModels(folders: readonly string[]): Promise<FoundModel[]> {
  const files: { path: string; sizeBytes: number; modifiedAtMs: number }[] = []
  for (const folder of folders) await collect(folder, 0, files)
  const parts = files.filter(({ path }) => (SPLIT_PART.exec(path)?.[1] ?? '00001') === '00001')
  const taken = new Set<string>()
  return parts.map(({ path, sizeBytes, modifiedAtMs }) => {
    const name = freeName(path, taken)
    taken.add(name)
    const stem = path.replace(SPLIT_PART, '')
    const isSplit = SPLIT_PART.test(path)
    const siblings = files.filter((other) => SPLIT_PART.test(other.path) && other.path.replace(SPLIT_PART, '') === stem)
    const allBytes = isSplit ? siblings.reduce((sumBytes, part) => sumBytes + part.sizeBytes, 0) : sizeBytes
    return { name, path, sizeBytes: allBytes, modifiedAtMs }
  })
}

async function collect(
  folder: string,
  depth: number,
  files: { path: string; sizeBytes: number; modifiedAtMs: number }[],
): Promise<void> {
  // A folder that is not there, or not ours to read, holds no model for us.
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (files.length >= MAX_FILES) return
    const path = join(folder, entry.name)
    if (entry.isDirectory() && depth < MAX_DEPTH && !entry.name.startsWith('.')) await collect(path, depth + 1, files)
    else if (/\.gguf$/i.test(entry.name) && !entry.name.startsWith('.')) {
      // A link whose target is gone is no file.
      const found = await stat(path).catch(() => undefined)
      if (found?.isFile()) files.push({ path, sizeBytes: found.size, modifiedAtMs: found.mtimeMs })
    }
  }
}

function freeName(path: string, taken: ReadonlySet<string>): string {
  let name = basename(path)
    .replace(SPLIT_PART, '')
    .replace(/\.gguf$/i, '')
  for (let folder = dirname(path); taken.has(name) && folder !== dirname(folder); folder = dirname(folder)) {
    name = `${basename(folder)}/${name}`
  }
  return name
}

/** A file named by its path, unless it was found already. */
export async function scanOne(path: string, found: readonly FoundModel[]): Promise<FoundModel[]> {
  if (found.some((other) => other.path === path)) return []
  const { size, mtimeMs } = await stat(path)
  return [{ name: basename(path).replace(/\.gguf$/i, ''), path, sizeBytes: size, modifiedAtMs: mtimeMs }]
}

/** A file that an entry names; one that is not there is no model, and says so when it is asked for. */
export async function scanNamed(name: string, path: string): Promise<FoundModel[]> {
  const found = await stat(path).catch(() => undefined)
  return found?.isFile() ? [{ name, path, sizeBytes: found.size, modifiedAtMs: found.mtimeMs }] : []
}
