import { readFileSync } from 'node:fs'

/** The package's version, from the `package.json` two folders up, in a checkout and in the built package alike. */
export function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return String((JSON.parse(text) as { version: unknown }).version)
}
