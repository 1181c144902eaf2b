import type { IncomingHttpHeaders } from 'node:http'

/** In whose words a client speaks: a path tells, and for the paths that two share, a header. */
export type Dialect = 'openai' | 'anthropic' | 'ollama'

/** grym's own admin API answers with errors as OpenAI's has them. */
export function dialectOf({ url, headers }: { readonly url: string; readonly headers: IncomingHttpHeaders }): Dialect {
  if (url.startsWith('/api/')) return 'ollama'
  if (url.startsWith('/v1/messages')) return 'anthropic'
  return url.startsWith('/v1/') && headers['anthropic-version'] !== undefined ? 'anthropic' : 'openai'
}
