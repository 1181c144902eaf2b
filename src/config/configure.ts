import { isAbsolute } from 'node:path'
import { type Config, type Origin, withValues } from './config.ts'
import type { Option } from './option.ts'
import { OPTIONS } from './options.ts'
import { pathsIn, placedValue } from './placed-values.ts'
import { plainCopy, shown } from './plain-data.ts'
import { configInvalid, type Problem } from './problems.ts'
import { asProblems, isGroup, readTree, type TreeReader } from './read-tree.ts'
import { placedPath } from './state-folder.ts'

const SOURCE = 'configure'

const READER: TreeReader = {
  sourceOf: () => SOURCE,
  refusal: (option) => (option.scope === 'live' ? undefined : notLive(option)),
  isNullAGroup: false,
}

/**
 * The configuration after a call of `configure()`, in the guide's shape: any part of it, checked by the table of
 * options. Members that are `undefined` change nothing; maps (`modelSizes`, `models.entries`) gain members, and a
 * member that is there is replaced. The configuration that was given is never changed.
 * Throws `config-invalid` with every wrong key; then nothing of the change holds.
 */
export function applyChange(config: Config, change: unknown): Config {
  const { data, problems: copyProblems } = plainCopy(change)
  const unread = asProblems(copyProblems, READER)
  if (!isGroup(data)) {
    const message = `${SOURCE}: ${shown(change)} is not allowed: an object such as {limits: {maxModelsLoaded: 3}}.`
    throw configInvalid(SOURCE, unread.length > 0 ? unread : [{ key: '', message }])
  }
  const { values, problems } = readTree(data, READER)
  const all = [...unread, ...problems, ...relativePaths(values)]
  if (all.length > 0) throw configInvalid(SOURCE, all)
  const changed = OPTIONS.filter(({ key }) => values.has(key)).map((option): [string, unknown] => {
    const value = placedValue(option.key, values.get(option.key), (path) => placedPath(path, '/', config.userHome))
    return [option.key, option.isMap ? mergedMap(config.values[option.key], value) : value]
  })
  const markAll = <Mark>(mark: Mark): Record<string, Mark> => Object.fromEntries(changed.map(([key]) => [key, mark]))
  return withValues(config, {
    values: { ...config.values, ...Object.fromEntries(changed) },
    origins: { ...config.origins, ...markAll<Origin>('configure') },
    sources: { ...config.sources, ...markAll(SOURCE) },
  })
}

function notLive({ scope, flag, env, key }: Option): string {
  if (scope === 'start') return `it is read at the start only; set ${key} in grym.yaml and restart.`
  return `it is read at the start only; set ${flag ?? env} and restart.`
}

/** A relative path in a program means a folder that neither side can see. */
function relativePaths(values: ReadonlyMap<string, unknown>): Problem[] {
  return [...values].flatMap(([key, value]) =>
    pathsIn(key, value)
      .filter((path) => !isAbsolute(path) && !/^~(?:[/\\]|$)/.test(path))
      .map((path) => ({
        key,
        message: `${SOURCE} (${key}): ${shown(path)} is not allowed: an absolute path, or ~/….`,
      })),
  )
}

function mergedMap(old: unknown, added: unknown): object {
  return Object.assign(Object.create(null) as object, old, added)
}
