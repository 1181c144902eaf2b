import { importsOf } from './imports.ts'
import type { Finding, HouseRule, SourceFile } from './source-file.ts'

/** The rooms of the house and what each may import beside itself. Neighbours meet in `app` only. */
export const ROOMS: Readonly<Record<string, readonly string[]>> = {
  spec: [],
  core: ['spec'],
  manager: ['spec', 'core'],
  system: ['spec'],
  models: ['spec', 'system'],
  providers: ['spec', 'system'],
  context: ['spec', 'system'],
  kvcache: ['spec', 'system'],
  learning: ['spec', 'system'],
  telemetry: ['spec', 'system'],
  gateway: ['spec'],
  config: ['spec'],
  client: ['spec'],
  testing: ['spec'],
  app: [
    'spec',
    'core',
    'manager',
    'system',
    'models',
    'providers',
    'context',
    'kvcache',
    'learning',
    'telemetry',
    'gateway',
    'config',
    'client',
  ],
  facade: ['spec', 'client', 'app'],
  dashboard: ['client'],
  cli: ['spec', 'client', 'config', 'app'],
}

/** Rooms that import no package and no part of Node: they run anywhere and decide the same everywhere. */
const BARE_ROOMS: ReadonlySet<string> = new Set(['spec', 'core'])
/** What the package's one entry may hand out. */
const ENTRY_MAY_IMPORT: readonly string[] = ['facade', 'spec']

export const arrows: HouseRule = {
  name: 'arrows',
  promise: 'each room imports only what its row of the table allows',
  check: (files) => files.flatMap(checkFile),
}

function checkFile(file: SourceFile): Finding[] {
  const room = roomOf(file.path)
  if (room === undefined) return []
  const allowed = room === '' ? ENTRY_MAY_IMPORT : ROOMS[room]
  if (!allowed) return [{ path: file.path, line: 1, message: `'${room}' is not a room; add its row to the table` }]
  // A room's own tests may use what is made for tests: exported fakes, and those in `test/support`.
  const isTest = file.path.endsWith('.test.ts')
  return importsOf(file).flatMap(({ specifier, target, line }) => {
    const finding = (message: string): Finding[] => [{ path: file.path, line, message }]
    if (target === undefined) {
      return BARE_ROOMS.has(room) && !isTest ? finding(`${room} imports nothing from outside: ${specifier}`) : []
    }
    const other = roomOf(target)
    if (other === undefined) {
      return isTest && target.startsWith('test/support/')
        ? []
        : finding(`the product imports nothing outside src: ${specifier}`)
    }
    if (other === room || allowed.includes(other) || (isTest && other === 'testing')) return []
    return finding(`${room || 'the entry'} may not import ${other || 'the entry'}: ${specifier}`)
  })
}

/** The room of a path under `src`; '' for the package's entry. */
function roomOf(path: string): string | undefined {
  const [top, room, ...rest] = path.split('/')
  if (top !== 'src' || room === undefined) return undefined
  return rest.length === 0 ? '' : room
}
