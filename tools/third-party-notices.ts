import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

interface PackageFacts {
  readonly name: string
  readonly version: string
  readonly license?: string
  readonly author?: string | { readonly name: string }
}

/**
 * The licences of the packages that these modules come from, by name. What comes from elsewhere is ours.
 * Throws for a package that states no licence.
 */
export function thirdPartyNotices(modules: readonly string[]): string {
  const folders = new Set(modules.flatMap((path) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []))
  const notices = new Map([...folders].map(noticeOf))
  const texts = [...notices].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, text]) => text)
  return `Packages whose code is part of the files in this folder, and their licences.\n\n${texts.join('\n')}`
}

function noticeOf(folder: string): [string, string] {
  const facts = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as PackageFacts
  const { name, version, license, author } = facts
  if (license === undefined) throw new Error(`${name} states no licence`)
  const file = readdirSync(folder).find((entry) => /^licen[cs]e([.-]|$)/i.test(entry))
  const by = typeof author === 'object' ? author.name : author
  const text = file === undefined ? `By ${by ?? 'its authors'}.` : readFileSync(join(folder, file), 'utf8').trim()
  return [`${name} ${version}`, `== ${name} ${version} (${license})\n\n${text}\n`]
}
