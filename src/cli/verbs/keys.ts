import { createHash, randomBytes } from 'node:crypto'
import { isKeyName } from '../../config/key-schema.ts'
import { resourceError } from '../../spec/errors.ts'
import type { Context } from '../context.ts'

const KEY_BYTES = 32

/** Makes a key and shows it once, with what has to stand in `grym.yaml` for it; nothing is written anywhere. */
export async function keysNewVerb({ terminal, config }: Context, name: string): Promise<void> {
  if (!isKeyName(name)) {
    throw resourceError('invalid-request', 'The name of a key has letters, digits and . _ - @, 100 at most.')
  }
  const key = `grym-${randomBytes(KEY_BYTES).toString('base64url')}`
  const sha256 = createHash('sha256').update(key).digest('hex')
  const file = config.configFile ?? 'grym.yaml'
  const change = name in config.keys ? `, in place of the entry '${name}' that is there` : ''
  const words = [
    key,
    '',
    `This is shown once; keep it. Put this under \`keys\` into ${file}${change}, and restart the daemon:`,
    '',
    'keys:',
    `  ${JSON.stringify(name)}:`,
    `    sha256: ${sha256}`,
  ]
  terminal.result({ name, key, entry: { sha256 } }, words.join('\n'))
}

/** The keys that are configured. */
export async function keysListVerb({ terminal, config }: Context): Promise<void> {
  const keys = Object.entries(config.keys).map(([name, { digest }]) => ({ name, sha256: digest }))
  const words = keys.map(({ name, sha256 }) => `${name}  ${sha256}`)
  terminal.result({ keys }, words.length > 0 ? words.join('\n') : 'none: whoever reaches the daemon may use it')
}
