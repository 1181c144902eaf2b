import { inspect } from 'node:util'

/** JSON-like data in objects without prototype, so that no name means more than itself. */
export interface PlainObject {
  readonly [key: string]: PlainValue
}
export type PlainValue = string | number | boolean | null | readonly PlainValue[] | PlainObject

export interface PlainCopy {
  readonly data: PlainValue | undefined
  readonly problems: readonly PlainProblem[]
}

export interface PlainProblem {
  readonly path: readonly string[]
  readonly message: string
}

/** Deeper than any option lies. */
const MAX_DEPTH = 12
const MAX_MEMBERS = 50_000
/** Names by which an object would be given another prototype. */
const PROTOTYPE_NAMES: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])

/**
 * Copies what a caller or a file brought into plain data, and says what cannot be copied: functions, instances of
 * classes, cycles, getters that throw, names that reach for a prototype. Members that are `undefined` are left out.
 * Each member is read once, so that what is checked is what is used.
 */
export function plainCopy(value: unknown): PlainCopy {
  const problems: PlainProblem[] = []
  let members = 0
  const refuse = (path: readonly string[], message: string): undefined => void problems.push({ path, message })

  const copyObject = (source: object, path: readonly string[], ancestors: readonly object[]): PlainValue => {
    const result = Object.create(null) as Record<string, PlainValue>
    for (const key of Object.keys(source)) {
      const place = [...path, key]
      if (PROTOTYPE_NAMES.has(key)) {
        refuse(place, `'${key}' is no key`)
        continue
      }
      const copied = copy(Reflect.get(source, key) as unknown, place, ancestors)
      if (copied !== undefined) result[key] = copied
    }
    return result
  }

  const copyMembers = (
    source: object,
    path: readonly string[],
    ancestors: readonly object[],
  ): PlainValue | undefined => {
    if (ancestors.includes(source)) return refuse(path, 'it contains itself')
    if (ancestors.length >= MAX_DEPTH) return refuse(path, `it is deeper than ${MAX_DEPTH} levels`)
    const inner = [...ancestors, source]
    try {
      if (Array.isArray(source)) {
        // A list of holes is as long as it says, and takes no memory until it is copied.
        if (source.length > MAX_MEMBERS) return refuse(path, `there are more than ${MAX_MEMBERS} values`)
        // What is missing in a list would move the others up.
        return source.map((item: unknown, index) => copy(item, [...path, String(index)], inner) ?? null)
      }
      const prototype: unknown = Object.getPrototypeOf(source)
      const isPlain = prototype === null || Object.getPrototypeOf(prototype) === null
      if (!isPlain) return refuse(path, `${shown(source)} is no plain object`)
      return copyObject(source, path, inner)
    } catch (error) {
      return refuse(path, `it cannot be read: ${error instanceof Error ? error.message.slice(0, 200) : 'it throws'}`)
    }
  }

  const copy = (item: unknown, path: readonly string[], ancestors: readonly object[]): PlainValue | undefined => {
    members += 1
    if (members > MAX_MEMBERS) {
      return members === MAX_MEMBERS + 1 ? refuse(path, `there are more than ${MAX_MEMBERS} values`) : undefined
    }
    if (item === null || typeof item === 'string' || typeof item === 'number' || typeof item === 'boolean') return item
    if (item === undefined) return undefined
    if (typeof item === 'object') return copyMembers(item, path, ancestors)
    return refuse(path, `a ${typeof item} is no value`)
  }
  return { data: copy(value, [], []), problems }
}

/** A value as a message shows it: on one line, cut short, without running any code of its own. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return `'${value.slice(0, 100).replaceAll(/\s+/g, ' ')}'`
  const text = inspect(value, {
    depth: 1,
    breakLength: Infinity,
    compact: true,
    customInspect: false,
    getters: false,
    maxArrayLength: 5,
    maxStringLength: 50,
  })
  return text.replaceAll('[Object: null prototype] ', '').replaceAll(/\s+/g, ' ').slice(0, 100)
}
