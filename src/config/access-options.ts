import { accessKeys } from './key-schema.ts'
import { listenAddresses } from './listen-schema.ts'
import type { Option } from './option.ts'
import { text } from './value-schemas.ts'

const NO_KEYS = Object.freeze(Object.create(null) as object)

/** Where the daemon is reached, and by whom. */
export const ACCESS_OPTIONS: readonly Option[] = [
  {
    key: 'listen',
    schema: listenAddresses,
    defaultValue: '127.0.0.1:11500',
    scope: 'start',
    env: 'GRYM_HOST',
    help: 'Address of the daemon: `host`, `host:port` or `http://host:port`; port 0 = any free one. A list in the file has further ones after it, `unix:/path` among them; `GRYM_HOST`, `--host` and `--port` mean the first.',
  },
  {
    key: 'keys',
    schema: accessKeys,
    defaultValue: NO_KEYS,
    scope: 'start',
    isMap: true,
    help: 'Who may use the daemon, by name: each entry has the `sha256` of a key and, if wanted, `keepAlive` and `priority`. Empty = everybody who reaches its address; see "Keys" below.',
  },
  {
    key: 'apiKey',
    schema: text().optional(),
    defaultValue: undefined,
    scope: 'outside',
    env: 'GRYM_API_KEY',
    isSecret: true,
    help: 'Key that the command line sends to a daemon of somebody else. One of the same state folder needs none.',
  },
]
