import { resourceError } from '../spec/errors.ts'
import type { ModelEntries, ModelEntry, ModelEntrySettings } from '../spec/model-entry.ts'

/** Entries that lead to each other: more in a row than anyone means. */
const MAX_CHAIN = 8

/** Where a name leads by `models.entries`. */
export interface ResolvedModelEntry {
  /** The model to look for; the name that was asked where no entry says otherwise. */
  readonly name: string
  /** What the entries on the way set; an outer entry wins over those it leads to. */
  readonly settings: ModelEntrySettings
  /** The weights file, where an entry names one. `name` is then the entry's. */
  readonly path?: string
  /** `hf:…` where an entry says from where `name` is pulled. */
  readonly download?: string
  /** Keys of the entries that were followed, the outermost first. */
  readonly followed: readonly string[]
}

/**
 * Follows the entries from a name to a model.
 *
 * 1. the entry of exactly this name
 * 2. the entry with exactly this alias, the first one in the file
 * 3. the entry with the pattern, as its name or alias, that has the most letters beside `*`; the first one of equals
 * 4. none: the name is the model's
 *
 * An entry whose source is a model's name leads on to that name. There a pattern with a source is passed over: it is
 * meant for names that come from outside, and `*: smollm2` must not catch what the file itself points to.
 * Throws `config-invalid` on a chain that comes back to itself or is longer than 8; such entries pass no check.
 */
export function resolveModelEntry(name: string, entries: ModelEntries): ResolvedModelEntry {
  const followed: string[] = []
  let settings: ModelEntrySettings = {}
  let current = name
  for (;;) {
    const key = entryOf(current, entries, followed.length > 0)
    const entry = key === undefined ? undefined : entries[key]
    if (key === undefined || !entry) return { name: current, settings, followed }
    if (followed.includes(key) || followed.length >= MAX_CHAIN) throw endless([...followed, key])
    followed.push(key)
    settings = merged(settings, entry.settings)
    const { source } = entry
    // An alias of an entry without a source means the model of the entry's own name.
    const own = isPattern(key) ? current : key
    if (!source) return { name: own, settings, followed }
    if (source.kind === 'file') return { name: own, settings, path: source.path, followed }
    if (source.kind === 'download') return { name: own, settings, download: source.address, followed }
    current = source.name
  }
}

/** What is wrong with the entries as a whole, one sentence each: endless chains, names with two meanings. */
export function problemsOfEntries(entries: ModelEntries): { readonly key: string; readonly why: string }[] {
  const problems: { readonly key: string; readonly why: string }[] = []
  const owners = new Map<string, string>()
  for (const [key, entry] of Object.entries(entries)) {
    for (const alias of entry.aliases) {
      const owner = Object.hasOwn(entries, alias) && alias !== key ? alias : owners.get(alias)
      if (owner !== undefined && owner !== key) problems.push({ key, why: `'${alias}' is '${owner}' already` })
      owners.set(alias, key)
    }
    if (isPattern(key) && entry.source && entry.source.kind !== 'model') {
      const why = 'a pattern leads to a model’s name; give the file an entry of its own, and name that one here'
      problems.push({ key, why })
    }
    const chain = endlessChain(key, entries)
    if (chain) problems.push({ key, why: `it leads to no model: ${chain.join(' → ')}` })
  }
  return problems
}

/** Whether a name or alias stands for many. */
export function isPattern(name: string): boolean {
  return name.includes('*')
}

/** Whether a pattern, with `*` for any letters, is the whole of a name. */
export function matchesPattern(pattern: string, name: string): boolean {
  const [first = '', ...rest] = pattern.split('*')
  const last = rest.pop()
  if (last === undefined) return pattern === name
  if (!name.startsWith(first)) return false
  // Each part as far left as it goes: no way back is ever needed, so a pattern costs no more than it is long.
  let at = first.length
  for (const part of rest) {
    const found = name.indexOf(part, at)
    if (found === -1) return false
    at = found + part.length
  }
  return name.length - last.length >= at && name.endsWith(last)
}

/** The key of the entry that a name has. */
function entryOf(name: string, entries: ModelEntries, isFollowed: boolean): string | undefined {
  if (!isPattern(name) && Object.hasOwn(entries, name)) return name
  const all = Object.entries(entries)
  const aliased = all.find(([, { aliases }]) => aliases.some((alias) => !isPattern(alias) && alias === name))
  if (aliased) return aliased[0]
  let best: { readonly key: string; readonly letterCount: number } | undefined
  for (const [key, entry] of all) {
    for (const pattern of patternsOf(key, entry)) {
      if (isFollowed && (entry.source || pattern !== key)) continue
      const letterCount = pattern.replaceAll('*', '').length
      if (matchesPattern(pattern, name) && letterCount > (best?.letterCount ?? -1)) best = { key, letterCount }
    }
  }
  return best?.key
}

function patternsOf(key: string, { aliases }: ModelEntry): string[] {
  return [key, ...aliases].filter(isPattern)
}

/** The outer entry's settings win, sampling options one by one. */
function merged(outer: ModelEntrySettings, inner: ModelEntrySettings): ModelEntrySettings {
  const sampling = { ...inner.sampling, ...outer.sampling }
  return { ...inner, ...outer, ...(Object.keys(sampling).length > 0 && { sampling }) }
}

function endlessChain(key: string, entries: ModelEntries): readonly string[] | undefined {
  const chain = [key]
  let source = entries[key]?.source
  while (source?.kind === 'model') {
    const next = entryOf(source.name, entries, true)
    if (next === undefined) return undefined
    const isEndless = chain.includes(next) || chain.length >= MAX_CHAIN
    chain.push(next)
    if (isEndless) return chain
    source = entries[next]?.source
  }
  return undefined
}

function endless(chain: readonly string[]): Error {
  return resourceError('config-invalid', `models.entries leads to no model: ${chain.join(' → ')}.`)
}
