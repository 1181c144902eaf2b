import { posix } from 'node:path'
import { lineAt, type SourceFile } from './source-file.ts'
import { maskSource } from './source-mask.ts'

/** One import or re-export. */
export interface Import {
  readonly specifier: string
  /** The imported file, relative to the repository; `undefined` for a package. */
  readonly target: string | undefined
  readonly line: number
}

/** `import … from '`, `export … from '`, `import '`, `import('`; the mask keeps only a literal's closing quote. */
const IMPORT_HEADS = [
  /(?:^|[;\n}])\s*(?:import|export)\b[^;'()=]*?\bfrom\s*'/g,
  /(?:^|[;\n}])\s*import\s*'/g,
  /\bimport\s*\(\s*'/g,
]

/** What a file imports, types included, in order of appearance. Only names written out are seen. */
export function importsOf(file: SourceFile): readonly Import[] {
  const { code } = maskSource(file.text)
  const found: Import[] = []
  for (const head of IMPORT_HEADS) {
    for (const match of code.matchAll(head)) {
      const end = match.index + match[0].length - 1
      const specifier = literalEndingAt(file.text, end)
      const target = specifier.startsWith('.') ? posix.join(posix.dirname(file.path), specifier) : undefined
      found.push({ specifier, target, line: lineAt(file.text, end) })
    }
  }
  return found.sort((a, b) => a.line - b.line)
}

function literalEndingAt(text: string, end: number): string {
  return text.slice(text.lastIndexOf(text.charAt(end), end - 1) + 1, end)
}
