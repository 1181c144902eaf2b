import { type Finding, type HouseRule, isCode, isTest, lineAt, type SourceFile } from './source-file.ts'
import { maskSource } from './source-mask.ts'

/** Words that speak of a size, a time or a share: a number named by one of them has a unit, and its name ends in it. */
const MEASURES: ReadonlySet<string> = new Set(
  'memory size footprint latency timeout delay interval duration ttl age gap deadline elapsed uptime pressure threshold'.split(
    ' ',
  ),
)
const UNITS = /(?:Bytes|Ms|Seconds|Tokens|Ratio|Percent|Count|Factor|Mb|Kb|Gb|PerSecond)$/

/** Names with a unit of their own by contract; each with its reason. */
const EXCEPTIONS: ReadonlyMap<string, string> = new Map([
  ['memoryThreshold', "the guide's name for a ratio"],
  ['compressionThreshold', "the guide's name for a ratio"],
  ['optimizationThreshold', "the guide's name for a ratio"],
  ['preservationThreshold', 'a name of the configuration (requirement R26) for a ratio'],
  ['inactivityTimeout', "the guide's name for milliseconds"],
  ['loadTimeout', 'milliseconds, as inactivityTimeout beside it'],
  ['maxAge', 'a name of the configuration for milliseconds'],
  ['ttl', 'a name of the configuration for milliseconds (requirement R55)'],
  ['failureThreshold', 'counts failures (requirement R11)'],
  ['crashThreshold', 'counts crashes'],
])

/** A parameter, property, variable or field: `name: number`, `name?: number | null`, `const NAME = 5_000`. */
const NUMERIC_DECLARATION = /\b([A-Za-z_$][\w$]*)\s*(?:\?\s*)?(?::\s*number\b(?!\[)|=\s*-?\d[\d_.]*\b)/g

export const unitSuffixes: HouseRule = {
  name: 'unit-suffixes',
  promise: 'numbers in spec and core that are sizes, times or shares say their unit',
  check: (files) => files.flatMap(checkFile),
}

function checkFile(file: SourceFile): Finding[] {
  if (!/^src\/(?:spec|core)\//.test(file.path) || !isCode(file.path) || isTest(file.path)) return []
  const { code } = maskSource(file.text)
  return [...code.matchAll(NUMERIC_DECLARATION)].flatMap((match) => {
    const name = match[1] ?? ''
    const words = wordsOf(name)
    if (!words.some((word) => MEASURES.has(word)) || EXCEPTIONS.has(name)) return []
    if (UNITS.test(camelCase(words))) return []
    return [{ path: file.path, line: lineAt(file.text, match.index), message: `'${name}' does not say its unit` }]
  })
}

/** `MAX_LOAD_DELAY` and `maxLoadDelay` → max load delay. */
function wordsOf(name: string): readonly string[] {
  const spaced = name.replace(/[_$]+/g, ' ').replace(/([a-z0-9])([A-Z])/g, '$1 $2')
  return spaced.toLowerCase().split(' ').filter(Boolean)
}

function camelCase(words: readonly string[]): string {
  return words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('')
}
