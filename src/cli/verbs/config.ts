import { resolve } from 'node:path'
import { type ConfigFile, isThere, readConfigFile } from '../../config/config-file.ts'
import { type Config, resolveConfig } from '../../config/config.ts'
import { findConfigFile, placesOf } from '../../config/load-config.ts'
import { OPTIONS } from '../../config/options.ts'
import { pathsIn } from '../../config/placed-values.ts'
import { userHomeOf } from '../../config/state-folder.ts'
import { ResourceError, resourceError } from '../../spec/errors.ts'
import { formatDuration } from '../../spec/units.ts'
import type { BareContext, Context } from '../context.ts'
import { table } from '../terminal.ts'

const MOST_VALUE_CHARACTERS = 100

/** Every option with its value; with `origin` also who set it. Secrets are only said to be set. */
export async function configShowVerb(
  { config, terminal }: Context,
  { origin: withOrigin = false }: { readonly origin?: boolean },
): Promise<void> {
  const options = OPTIONS.map((option) => {
    const { key, isSecret } = option
    const value = isSecret === true ? secretOf(config.values[key]) : config.values[key]
    return { key, value: value ?? null, origin: config.origins[key], source: config.sources[key] ?? '' }
  })
  const head = withOrigin ? ['KEY', 'VALUE', 'ORIGIN', 'FROM'] : ['KEY', 'VALUE']
  const rows = options.map(({ key, value, origin = 'default', source }) => {
    const from = origin === 'default' || origin === 'configure' ? '' : source
    const shown = shortened(valueText(key, value))
    return withOrigin ? [key, shown, origin, from] : [key, shown]
  })
  const file = config.configFile === undefined ? 'no grym.yaml was found' : `read: ${config.configFile}`
  const json = {
    file: config.configFile ?? null,
    options: options.map(({ key, value, ...from }) => ({ key, value: plain(value), ...(withOrigin && from) })),
  }
  terminal.result(json, `${table(head, rows)}\n\n${file}`)
}

/** One long value would make every line of the table as long; `--json` has all of it. */
function shortened(text: string): string {
  return text.length > MOST_VALUE_CHARACTERS ? `${text.slice(0, MOST_VALUE_CHARACTERS - 1)}…` : text
}

/** All that is wrong in a file; the one that would be read, unless another is named. Fails when there is something. */
export async function configCheckVerb({ terminal, input }: BareContext, path?: string): Promise<void> {
  const userHome = userHomeOf(input.env)
  const file = path === undefined ? findConfigFile(input) : resolve(input.workingFolder, path)
  if (file === undefined) {
    const places = placesOf(input)
    terminal.result({ file: null, problems: [], notices: [] }, `There is no configuration file: ${places.join(', ')}.`)
    return
  }
  const read = readConfigFile(file, userHome)
  const problems = problemsIn(read, userHome)
  const notices = problems.length === 0 ? await missingPaths(read) : []
  const lines = [...problems, ...notices]
  terminal.result({ file, problems, notices }, lines.length > 0 ? lines.join('\n') : `${file} is in order.`)
  if (problems.length > 0) {
    const count = problems.length === 1 ? 'one problem' : `${problems.length} problems`
    throw resourceError('config-invalid', `${file}: ${count}; see above.`)
  }
}

/** Of the values by themselves, and of the whole that they make. */
function problemsIn(file: ConfigFile, userHome: string): readonly string[] {
  if (file.problems.length > 0) return file.problems.map(({ message }) => message)
  try {
    resolveConfig({ env: { HOME: userHome }, flags: {}, file })
    return []
  } catch (error) {
    if (!(error instanceof ResourceError) || error.reason !== 'config-invalid') throw error
    return error.details?.['problems'] as readonly string[]
  }
}

/** Files may come later, so that one is not there is no error of the configuration. */
async function missingPaths(file: ConfigFile): Promise<readonly string[]> {
  const missing: string[] = []
  for (const [key, { value, source }] of file.values) {
    for (const path of pathsIn(key, value)) {
      if (!isThere(path)) missing.push(`${source} (${key}): nothing is there yet: ${path}`)
    }
  }
  return missing
}

function secretOf(value: unknown): string | undefined {
  return value === undefined ? undefined : '(set, not shown)'
}

/** `Infinity` is no JSON; a person writes -1. */
function plain(value: Config['values'][string]): unknown {
  return value === Infinity ? -1 : value
}

function valueText(key: string, value: unknown): string {
  if (value === null) return '–'
  if (typeof value === 'number' && /Timeout$|Age$/.test(key)) return formatDuration(value)
  return typeof value === 'string' ? value : JSON.stringify(value)
}
