import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { type Document, isAlias, isMap, isScalar, LineCounter, parseDocument, visit, type YAMLError } from 'yaml'
import { codeOf } from '../spec/error-code.ts'
import { resourceError } from '../spec/errors.ts'
import type { Option } from './option.ts'
import { plainCopy, type PlainValue, shown } from './plain-data.ts'
import { placedValue } from './placed-values.ts'
import { MAX_FOUND_PROBLEMS, type Problem } from './problems.ts'
import { asProblems, isGroup, readTree, type TreeReader } from './read-tree.ts'
import { placedPath } from './state-folder.ts'

export const CONFIG_FILE_NAME = 'grym.yaml'

/** Larger than any configuration that a person wrote. */
export const MAX_CONFIG_FILE_BYTES = 1_048_576
/** Uses of anchors inside anchors: a few lines must not unfold into millions. */
const MAX_ALIAS_COUNT = 100

/** A value with the place where it was written. */
export interface FileValue {
  readonly value: unknown
  /** `grym.yaml:12`. */
  readonly source: string
}

/** A configuration file, read and checked. */
export interface ConfigFile {
  readonly path: string
  readonly values: ReadonlyMap<string, FileValue>
  /** Where each of `models.entries` was written, by name. */
  readonly entrySources?: ReadonlyMap<string, string>
  /** Empty: the file is in order. */
  readonly problems: readonly Problem[]
}

/** A file's text, and what its relative paths and `~` mean. */
export interface ConfigText {
  readonly path: string
  readonly text: string
  readonly userHome: string
}

/** Reads the text of a configuration file; all that is wrong with it is in the result. */
export function parseConfigFile({ path, text, userHome }: ConfigText): ConfigFile {
  const name = basename(path)
  const lines = new LineCounter()
  // The parser's own search for keys that stand twice compares each with each: half a minute for a long map.
  const document = parseDocument(text, {
    lineCounter: lines,
    logLevel: 'error',
    prettyErrors: false,
    uniqueKeys: false,
  })
  const reader: TreeReader = {
    sourceOf: (place) => `${name}:${lineOf(document, lines, place)}`,
    refusal: (option) => (option.scope === 'outside' ? outsideOnly(option) : undefined),
    isNullAGroup: true,
  }
  const failed = (problems: readonly Problem[]): ConfigFile => ({ path, values: new Map(), problems })
  const broken = [...document.errors, ...document.warnings].slice(0, MAX_FOUND_PROBLEMS)
  if (broken.length > 0) return failed(broken.map((found) => asProblem(found, lines, name)))
  const doubled = doubledKeys(document, lines, name)
  if (doubled.length > 0) return failed(doubled)
  const data = unfold(document)
  if ('problem' in data) return failed([{ key: '', message: `${name}: ${data.problem}` }])
  const copied = plainCopy(data.value)
  const copyProblems = asProblems(copied.problems, reader)
  const root = copied.data ?? null
  if (root === null) return failed(copyProblems)
  if (!isGroup(root)) return failed([{ key: '', message: notAMap(name, root) }])
  const { values, problems } = readTree(root, reader)
  const folder = dirname(path)
  const placed = [...values].map(([key, value]): [string, FileValue] => [
    key,
    {
      value: placedValue(key, value, (written) => placedPath(written, folder, userHome)),
      source: reader.sourceOf(key.split('.')),
    },
  ])
  const names = Object.keys((values.get('models.entries') as object | undefined) ?? {})
  const entrySources = new Map(names.map((entry) => [entry, reader.sourceOf(['models', 'entries', entry])]))
  return { path, values: new Map(placed), entrySources, problems: [...copyProblems, ...problems] }
}

/** What the parser found, in one sentence with its line. */
function asProblem({ message, pos }: YAMLError, lines: LineCounter, name: string): Problem {
  const isTooDeep = message.startsWith('Maximum call stack')
  const sentence = isTooDeep ? 'It is nested too deep' : (message.split('\n')[0] ?? '')
  return { key: '', message: `${name}:${lines.linePos(pos[0]).line}: ${sentence.replace(/\.?$/, '.')}` }
}

/** Keys that stand twice in one map: which of the two is meant, nobody knows. */
function doubledKeys(document: Document, lines: LineCounter, name: string): Problem[] {
  const problems: Problem[] = []
  visit(document, {
    Map: (_, map) => {
      const seen = new Set<string>()
      for (const { key } of map.items) {
        const written = String(key)
        if (seen.has(written) && problems.length < MAX_FOUND_PROBLEMS) {
          const line = lines.linePos(isScalar(key) ? (key.range?.[0] ?? 0) : 0).line
          problems.push({ key: written, message: `${name}:${line} (${written.slice(0, 100)}): it stands there twice.` })
        }
        seen.add(written)
      }
    },
  })
  return problems
}

function outsideOnly({ flag, env }: Option): string {
  return `it cannot be set in the file, which is found by it; use ${flag} or ${env}.`
}

function notAMap(name: string, root: PlainValue): string {
  return `${name}: ${shown(root)} is not allowed: keys with values, such as \`limits:\`.`
}

/** The whole document as data; anchors are unfolded only so far. */
function unfold(document: Document): { readonly value: unknown } | { readonly problem: string } {
  try {
    return { value: document.toJS({ maxAliasCount: MAX_ALIAS_COUNT }) as unknown }
  } catch (error) {
    if (error instanceof ReferenceError) return { problem: `its anchors unfold into too much: ${error.message}.` }
    throw error
  }
}

/** The line on which the deepest known part of a path was written, from 1. */
function lineOf(document: Document, lines: LineCounter, path: readonly string[]): number {
  let node: unknown = document.contents
  let offset = 0
  for (const name of path) {
    if (isAlias(node)) node = node.resolve(document)
    if (!isMap(node)) break
    const pair = node.items.find(({ key }) => String(key) === name)
    if (!pair) break
    const key: unknown = pair.key
    offset = (key as { range?: [number, number, number] | null }).range?.[0] ?? offset
    node = pair.value
  }
  return lines.linePos(offset).line
}

/**
 * Reads and checks a file. At once, because a library's `configure()` says at once what is wrong. Throws
 * `config-invalid` when it cannot be read at all.
 */
export function readConfigFile(path: string, userHome: string): ConfigFile {
  return parseConfigFile({ path, text: textOf(path), userHome })
}

function textOf(path: string): string {
  const unreadable = (why: string, cause?: unknown): Error =>
    resourceError('config-invalid', `${path}: ${why}`, { details: { path }, cause })
  let bytes: Buffer
  try {
    // Looked at before it is opened: to open a pipe is to wait for its writer.
    const found = statSync(path)
    if (found.isDirectory()) throw unreadable('it is a folder; a configuration is a file.')
    if (!found.isFile()) throw unreadable('it is no ordinary file.')
    bytes = firstBytes(path, MAX_CONFIG_FILE_BYTES + 1)
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error)) throw error
    throw unreadable(`it cannot be read (${error.message}).`, error)
  }
  if (bytes.length > MAX_CONFIG_FILE_BYTES) throw unreadable(`it is larger than ${MAX_CONFIG_FILE_BYTES} bytes.`)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    throw unreadable('it is not UTF-8 text.', error)
  }
}

function firstBytes(path: string, most: number): Buffer {
  const file = openSync(path, 'r')
  try {
    const buffer = Buffer.alloc(most)
    let length = 0
    for (;;) {
      const bytesRead = readSync(file, buffer, length, most - length, length)
      length += bytesRead
      if (bytesRead === 0 || length === most) return buffer.subarray(0, length)
    }
  } finally {
    closeSync(file)
  }
}

/** Where a configuration file is looked for when none is named, in order; the first that is there counts alone. */
export function configFilePlaces(workingFolder: string, stateFolder: string): readonly string[] {
  return [...new Set([join(workingFolder, CONFIG_FILE_NAME), join(stateFolder, CONFIG_FILE_NAME)])]
}

/** Whether something stands at a path; what cannot even be asked is an error. */
export function isThere(path: string): boolean {
  try {
    statSync(path)
    return true
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return false
    throw resourceError('config-invalid', `${path}: it cannot be looked at (${String(error)}).`, { cause: error })
  }
}
