/** The public registry, where nothing else is configured (npm: config `registry`). */
export const PUBLIC_REGISTRY_URL = 'https://registry.npmjs.org/'

export interface NpmRegistry {
  /** Ends in a slash. */
  readonly url: string
  /** Value of the header `authorization`, where the registry wants one. */
  readonly authorization?: string
}

/** Keys to values. */
export type NpmSettings = ReadonlyMap<string, string>

/** Reads an `.npmrc`: `key = value`, comments with `#` and `;`, `${NAME}` of the environment (npm: npmrc). */
export function parseNpmrc(text: string, env: Readonly<Record<string, string | undefined>>): NpmSettings {
  const settings = new Map<string, string>()
  for (const line of text.split(/\r?\n/)) {
    const [, key, value] = /^\s*([^#;=\s][^=]*?)\s*=\s*(.*?)\s*$/.exec(line) ?? []
    if (key === undefined || value === undefined) continue
    const plain = value.replace(/^(["'])(.*)\1$/, '$2')
    settings.set(
      key,
      plain.replace(/\$\{([^}]+?)(\?)?\}/g, (whole, name: string, mark) => env[name] ?? (mark ? '' : whole)),
    )
  }
  return settings
}

/** What the environment says: `npm_config_registry` is the key `registry`, in either case (npm: config). */
export function npmSettingsOfEnvironment(env: Readonly<Record<string, string | undefined>>): NpmSettings {
  const settings = new Map<string, string>()
  for (const [name, value] of Object.entries(env)) {
    const key = /^npm_config_(.+)$/i.exec(name)?.[1]
    if (key === undefined || value === undefined || value === '') continue
    settings.set(key.startsWith('//') ? key : key.toLowerCase().replaceAll(/(?!^)_/g, '-'), value)
  }
  return settings
}

/**
 * The files that npm reads beside a project's, the user's first. A project's is not read: which engine is installed
 * has nothing to do with the folder a person happens to be in.
 */
export function npmrcPaths(environment: NpmSettings, userHome: string, nodePath: string): readonly string[] {
  const user = environment.get('userconfig') ?? `${userHome}/.npmrc`
  const prefix = environment.get('prefix') ?? nodePath.replace(/[\\/](?:bin[\\/])?[^\\/]*$/, '')
  return [user, environment.get('globalconfig') ?? `${prefix}/etc/npmrc`]
}

/**
 * The registry that a scope's packages come from, and what it is to be told: `_authToken` or `_auth` of it or of a path
 * above it, as npm does.
 * @param layers settings, the one that wins first.
 */
export function npmRegistryOf(scope: string, layers: readonly NpmSettings[]): NpmRegistry {
  const find = (key: string): string | undefined => layers.find((layer) => layer.has(key))?.get(key)
  const found = [find(`${scope}:registry`), find('registry')].find((url) => url !== undefined && isWebAddress(url))
  const url = new URL(found ?? PUBLIC_REGISTRY_URL)
  const own =
    url.username === '' ? undefined : `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
  url.username = ''
  url.password = ''
  if (!url.pathname.endsWith('/')) url.pathname += '/'
  for (let path = url.pathname; path !== ''; path = path.replace(/[^/]*\/?$/, '')) {
    const token = find(`//${url.host}${path}:_authToken`)
    if (token !== undefined) return { url: url.href, authorization: `Bearer ${token}` }
    const basic = find(`//${url.host}${path}:_auth`)
    if (basic !== undefined) return { url: url.href, authorization: `Basic ${basic}` }
  }
  if (own === undefined) return { url: url.href }
  return { url: url.href, authorization: `Basic ${Buffer.from(own).toString('base64')}` }
}

function isWebAddress(text: string): boolean {
  return /^https?:\/\//i.test(text) && URL.canParse(text)
}
