import { findAll, type Finding, type HouseRule, isCode, type SourceFile } from './source-file.ts'
import { maskSource } from './source-mask.ts'

/** More than this and the file holds two concepts. */
export const MAX_LINES = 400

const KEBAB_CASE = /^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.(?:real|sim|gpu))?(?:\.(?:test|config|d))?\.(?:ts|js|mjs)$/
/** Names that say nothing of what is inside, or that there are two of a thing. */
const EMPTY_NAMES =
  /^(?:utils?|helpers?|common|misc|shared|stuff)\.|(?:-v\d+|-new|-old|-copy)\.|^(?:enhanced|improved|better)-/

export const fileShape: HouseRule = {
  name: 'file-shape',
  promise: 'one concept, one file, named after it, of at most 400 lines, with named exports',
  check: (files) => files.filter(({ path }) => isCode(path)).flatMap(checkFile),
}

function checkFile(file: SourceFile): Finding[] {
  const { path, text } = file
  const name = path.slice(path.lastIndexOf('/') + 1)
  const findings: Finding[] = []
  const add = (line: number, message: string): void => void findings.push({ path, line, message })
  const lines = text.split('\n').length - 1
  if (lines > MAX_LINES) add(MAX_LINES + 1, `${lines} lines, ${MAX_LINES} are allowed`)
  if (!KEBAB_CASE.test(name)) add(1, `not kebab-case: ${name}`)
  if (EMPTY_NAMES.test(name)) add(1, `a name that says nothing: ${name}`)
  if (path !== 'src/index.ts' && name.startsWith('index.')) add(1, 'only the package entry is an index')
  const { code } = maskSource(text)
  if (!name.includes('.config.')) findings.push(...findAll(file, code, /\bexport\s+default\b/g, 'exports have names'))
  if (path !== 'src/index.ts') findings.push(...findAll(file, code, /\bexport\s*\*/g, 'no barrels'))
  return findings
}
