/**
 * The one place where the process's environment is read. Everything else gets values.
 */
export type Environment = Readonly<Record<string, string | undefined>>

export function readEnvironment(): Environment {
  return { ...process.env }
}

/** Proxy settings by their customary names, lower case first and an empty one as none, as curl has it. */
export function proxiesOf(env: Environment): {
  readonly httpProxy: string | undefined
  readonly httpsProxy: string | undefined
  readonly noProxy: string | undefined
} {
  return {
    httpProxy: env['http_proxy'] || env['HTTP_PROXY'] || undefined,
    httpsProxy: env['https_proxy'] || env['HTTPS_PROXY'] || undefined,
    noProxy: env['no_proxy'] || env['NO_PROXY'] || undefined,
  }
}
