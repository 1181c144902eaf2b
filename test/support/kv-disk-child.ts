import { appendFileSync, chmodSync, chownSync, readdirSync, rmSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { codeOf } from '../../src/spec/error-code.ts'
import { NEW, query, save, stage, tokens } from './kv-ground.ts'

/*
 * Uses a cache on a disk that takes nothing any more, and prints what came of it: `home full|read-only|hold`. `full`: its files
 * may have 64 KiB, or its disk has little room; `hold`: keeps the cache open until it is killed.
 */
const [home = '', how] = process.argv.slice(2)
const NOBODY = 65_534
/** What is written behind it begins to fit. */
const PAYLOAD_BYTES = 65_100

const { cache, folder, faults } = await stage({}, home)
await save(cache, tokens(300), {}, Buffer.from('kept'))

function told(outcome: string): void {
  const names = readdirSync(folder).filter((name) => /\.(cache|tmp)$/.test(name))
  process.stdout.write(`${JSON.stringify({ outcome, names, entries: cache.report().entries, faults })}\n`)
}

async function isFound(): Promise<boolean> {
  await using found = await cache.find(query(tokens(400)))
  return found?.commonTokens === 300
}

/** Whoever is root may write anywhere. */
function becomeNobody(): void {
  if (process.getuid?.() !== 0) return
  const files = readdirSync(folder).map((name) => join(folder, name))
  for (const owned of [home, dirname(folder), folder, ...files]) chownSync(owned, NOBODY, NOBODY)
  process.seteuid?.(NOBODY)
}

/** Takes what room the disk has left. */
function fill(filler: string): void {
  try {
    for (let pages = 0; pages < 16_384; pages++) appendFileSync(filler, Buffer.alloc(4_096))
  } catch (error) {
    // Full is what is wanted.
    if (codeOf(error) !== 'ENOSPC') throw error
  }
}

if (how === 'hold') {
  process.stdout.write('held\n')
  setInterval(() => {}, 60_000)
} else if (how === 'read-only') {
  chmodSync(folder, 0o500)
  becomeNobody()
  const draft = await cache.begin(NEW)
  const outcome = 'refused' in draft ? `${draft.refused}: ${draft.message}` : 'a place'
  told(`${outcome} ${await isFound()}`)
  // So that it can be removed.
  chmodSync(folder, 0o700)
} else {
  const draft = await cache.begin({ ...NEW, tokens: 600, expectedBytes: PAYLOAD_BYTES })
  if (!('path' in draft)) throw new Error(draft.message)
  await writeFile(draft.path, Buffer.alloc(PAYLOAD_BYTES))
  const filler = join(home, 'filler')
  if (process.argv[4] === 'fill') fill(filler)
  const outcome = await draft.commit(tokens(600)).then(
    () => 'kept',
    (error: unknown) => String(error),
  )
  rmSync(filler, { force: true })
  await save(cache, tokens(300, 3), { owner: { owner: 'local' } })
  told(`${outcome} ${await isFound()}`)
}
