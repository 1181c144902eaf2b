import { importsOf } from './imports.ts'
import type { Finding, HouseRule, SourceFile } from './source-file.ts'

export const cycles: HouseRule = {
  name: 'cycles',
  promise: 'no file imports itself by a detour, types included',
  check: findCycles,
}

/** Depth-first walk over the imports; an edge back into the path walked closes a cycle. */
function findCycles(files: readonly SourceFile[]): Finding[] {
  const imports = new Map(files.filter(isSource).map((file) => [file.path, importsOf(file)]))
  const findings: Finding[] = []
  const done = new Set<string>()
  const walk = (path: string, trail: readonly string[]): void => {
    if (done.has(path)) return
    for (const { target, line } of imports.get(path) ?? []) {
      if (target === undefined || !imports.has(target)) continue
      const from = [...trail, path].indexOf(target)
      if (from === -1) walk(target, [...trail, path])
      else findings.push({ path, line, message: [...[...trail, path].slice(from), target].join(' → ') })
    }
    done.add(path)
  }
  for (const path of imports.keys()) walk(path, [])
  return findings
}

function isSource({ path }: SourceFile): boolean {
  return path.startsWith('src/') && path.endsWith('.ts')
}
