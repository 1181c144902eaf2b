import { nearMatches } from '../spec/near-matches.ts'
import type { Option } from './option.ts'
import { OPTIONS } from './options.ts'
import { type PlainObject, type PlainProblem, type PlainValue, shown } from './plain-data.ts'
import { MAX_FOUND_PROBLEMS, type Problem, problemsOf } from './problems.ts'
import { unknownKey } from './value-schemas.ts'

/** Who wrote a tree of values, and what it may set. */
export interface TreeReader {
  /** Where the value at a path was written, for messages: `grym.yaml:12`. */
  sourceOf(path: readonly string[]): string
  /** Why this option cannot be set here; `undefined` = it can. */
  refusal(option: Option): string | undefined
  /** A group without content is an empty one: what is left of it when all its lines are comments. */
  readonly isNullAGroup: boolean
}

export interface TreeValues {
  /** Checked values by key. */
  readonly values: ReadonlyMap<string, unknown>
  readonly problems: readonly Problem[]
}

type Branch = Map<string, Branch | Option>

const TREE: Branch = treeOf(OPTIONS)

/** The key of a path, as messages write it. */
export function keyOf(path: readonly string[]): string {
  return path.map((part) => part.slice(0, 100)).join('.')
}

/**
 * Reads nested groups of values by the table of options. All that is wrong is found, not only the first; after a
 * hundred nobody reads on.
 */
export function readTree(data: PlainObject, reader: TreeReader): TreeValues {
  const values = new Map<string, unknown>()
  const problems: Problem[] = []
  const refuse = (path: readonly string[], why: string): void => {
    const key = keyOf(path)
    problems.push({ key, message: `${reader.sourceOf(path)} (${key}): ${why}` })
  }
  const visit = (branch: Branch, group: PlainObject, path: readonly string[]): void => {
    for (const [name, value] of Object.entries(group)) {
      if (problems.length >= MAX_FOUND_PROBLEMS) return
      const place = [...path, name]
      const node = branch.get(name)
      if (!node) refuse(place, adviceFor(name, branch, path))
      else if (node instanceof Map) visitGroup(node, value, place)
      else readOption(node, value, place)
    }
  }
  const visitGroup = (branch: Branch, value: PlainValue, path: readonly string[]): void => {
    if (isGroup(value)) visit(branch, value, path)
    else if (value !== null || !reader.isNullAGroup) {
      refuse(path, `${shown(value)} is not allowed: a group of ${[...branch.keys()].join(', ')}.`)
    }
  }
  const readOption = (option: Option, value: PlainValue, path: readonly string[]): void => {
    const refusal = reader.refusal(option)
    if (refusal !== undefined) return refuse(path, refusal)
    if (value === null && option.isMap && reader.isNullAGroup) return
    const result = option.schema.safeParse(value)
    if (result.success) values.set(option.key, result.data)
    else problems.push(...problemsOf(option, value, result.error, (inner) => reader.sourceOf([...path, ...inner])))
  }
  visit(TREE, data, [])
  return { values, problems }
}

/** What could not even be copied, in the words of the one who reads it. */
export function asProblems(found: readonly PlainProblem[], reader: Pick<TreeReader, 'sourceOf'>): Problem[] {
  return found.map(({ path, message }) => {
    const key = keyOf(path)
    return { key, message: `${reader.sourceOf(path)}${key === '' ? '' : ` (${key})`}: ${message}.` }
  })
}

export function isGroup(value: PlainValue | undefined): value is PlainObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Names beside it first; else one that is right, but lies in another group. */
function adviceFor(name: string, branch: Branch, path: readonly string[]): string {
  const siblings = [...branch.keys()]
  const near = nearMatches(name.slice(0, 100), siblings).length > 0
  const elsewhere = OPTIONS.map(({ key }) => key).filter((key) => key.endsWith(`.${name}`) || key === name)
  if (near || elsewhere.length === 0) return unknownKey(name, siblings)
  const group = path.length === 0 ? 'on the first level' : `in ${keyOf(path)}`
  return `'${name.slice(0, 100)}' is no key ${group}; did you mean ${elsewhere.slice(0, 3).join(' or ')}?`
}

function treeOf(options: readonly Option[]): Branch {
  const root: Branch = new Map()
  for (const option of options) {
    const parts = option.key.split('.')
    let branch = root
    for (const part of parts.slice(0, -1)) {
      const inner = branch.get(part) ?? new Map<string, Branch | Option>()
      if (!(inner instanceof Map)) throw new Error(`'${option.key}' lies inside another option.`)
      branch.set(part, inner)
      branch = inner
    }
    branch.set(parts.at(-1) ?? '', option)
  }
  return root
}
