import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** One text file of the repository; `path` is relative to its root, with `/`. */
export interface SourceFile {
  readonly path: string
  readonly text: string
}

/** One place where a rule is broken; lines count from 1. */
export interface Finding {
  readonly path: string
  readonly line: number
  readonly message: string
}

/** One rule of the house: a pure function over files, so that planted ones show it red. */
export interface HouseRule {
  /** Also the name of its folder under `test/fixtures/red`. */
  readonly name: string
  readonly promise: string
  check(files: readonly SourceFile[]): readonly Finding[]
}

/** What git ignores, and what is not ours. */
const SKIPPED_FOLDERS: ReadonlySet<string> = new Set(['node_modules', 'dist', '.git', '.cache', 'coverage'])
/** Beyond this a file is data (a model, a recording of a run), not a text someone wrote. */
const MAX_TEXT_BYTES = 1_000_000

/** Every text file under a folder, sorted by path. Binary files (a NUL byte) and large ones are left out. */
export function readTree(root: string, skippedPaths: readonly string[] = []): readonly SourceFile[] {
  const files: SourceFile[] = []
  const visit = (relative: string): void => {
    for (const entry of readdirSync(join(root, relative), { withFileTypes: true })) {
      const path = relative === '' ? entry.name : `${relative}/${entry.name}`
      if (skippedPaths.includes(path)) continue
      if (entry.isDirectory()) {
        if (!SKIPPED_FOLDERS.has(entry.name)) visit(path)
        continue
      }
      if (!entry.isFile() || entry.name.endsWith('.log')) continue
      if (statSync(join(root, path)).size > MAX_TEXT_BYTES) continue
      const text = readFileSync(join(root, path), 'utf8')
      if (!text.includes('\0')) files.push({ path, text })
    }
  }
  visit('')
  return files.sort((a, b) => (a.path < b.path ? -1 : 1))
}

/** The line of an offset, from 1. */
export function lineAt(text: string, offset: number): number {
  let line = 1
  for (let at = text.indexOf('\n'); at !== -1 && at < offset; at = text.indexOf('\n', at + 1)) line += 1
  return line
}

/** Every match of a global pattern in `haystack` as a finding in `file`; both have the same length. */
export function findAll(file: SourceFile, haystack: string, pattern: RegExp, message: string): Finding[] {
  return [...haystack.matchAll(pattern)].map((match) => ({
    path: file.path,
    line: lineAt(file.text, match.index),
    message: `${message}: ${match[0].trim().replace(/\s+/g, ' ')}`,
  }))
}

/** TypeScript and JavaScript; everything else is prose or data. */
export function isCode(path: string): boolean {
  return /\.(?:ts|js|mjs)$/.test(path)
}

/** Tests may do what the product may not: read the environment, expect a type error. */
export function isTest(path: string): boolean {
  return path.startsWith('test/') || path.endsWith('.test.ts')
}
