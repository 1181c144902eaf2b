import { type Finding, type HouseRule, lineAt, type SourceFile } from './source-file.ts'

interface LockedPackage {
  readonly resolved?: string
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

/** Where everyone can get a package. */
const PUBLIC_REGISTRY = 'https://registry.npmjs.org/'

/**
 * npm leaves platforms out of the lock whose packages it could not see where the lock was made; then `npm ci` fails
 * there and on every other machine. A private registry's address in it fails on every machine but one.
 */
export const lockFile: HouseRule = {
  name: 'lock-file',
  promise: 'package-lock.json has every platform and names no private registry',
  check: (files) => files.filter(({ path }) => path === 'package-lock.json').flatMap(checkLock),
}

function checkLock(file: SourceFile): Finding[] {
  const { packages } = JSON.parse(file.text) as { packages: Readonly<Record<string, LockedPackage>> }
  const locked = new Set(Object.keys(packages).map((path) => path.slice(path.lastIndexOf('node_modules/') + 13)))
  const findings: Finding[] = []
  for (const [path, { resolved, optionalDependencies }] of Object.entries(packages)) {
    const line = lineAt(file.text, Math.max(0, file.text.indexOf(`"${path}": {`)) + 1)
    for (const name of Object.keys(optionalDependencies ?? {})) {
      if (!locked.has(name)) findings.push({ path: file.path, line, message: `${path} needs ${name}, not in the lock` })
    }
    if (resolved?.includes('://') && !resolved.startsWith(PUBLIC_REGISTRY)) {
      findings.push({ path: file.path, line, message: `${path} comes from ${resolved}` })
    }
  }
  return findings
}
