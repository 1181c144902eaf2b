import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { query, save, stage, tearDown, temporaryFolder, tokens } from '../../test/support/kv-ground.ts'

/*
 * What the kernel really says of a disk that takes nothing, and of two processes. (A disk that fails at each step of a save:
 * `kv-faults.test.ts`.)
 */

afterEach(tearDown)

const CHILD = join(import.meta.dirname, '../../test/support/kv-disk-child.ts')

interface Told {
  readonly outcome: string
  readonly names: readonly string[]
  readonly entries: number
  readonly faults: readonly { readonly message: string; readonly isCorrupt: boolean }[]
}

function told({ stdout, stderr }: { readonly stdout: string; readonly stderr: string }): Told {
  expect(stderr).toBe('')
  return JSON.parse(stdout) as Told
}

function summary({ outcome, names, entries, faults }: Told): object {
  return { outcome, files: names.length, entries, left: names.filter((name) => name.endsWith('.tmp')), faults }
}

/** What was there before is still found; the next save, for which there is room, is kept. */
function nothingHalf(words: RegExp): object {
  return {
    ...{ outcome: expect.stringMatching(new RegExp(`${words.source}[^]* true$`)), files: 2, entries: 2, left: [] },
    faults: [expect.objectContaining({ isCorrupt: false, message: expect.stringMatching(words) })],
  }
}

test('a file that the system does not let grow (`ulimit -f`): told, nothing half is left, and smaller ones go on', async () => {
  const home = await temporaryFolder()
  // 128 blocks of 512 bytes: the payload, and nothing behind it.
  const limited = ['-c', 'ulimit -f 128; exec "$0" "$@"', process.execPath, CHILD, home, 'full']
  const ran = spawnSync('sh', limited, { encoding: 'utf8' })
  expect(summary(told(ran))).toEqual(nothingHalf(/takes no file of this size/))
})

test('a disk that is really full: told, nothing half is left, and with room again it goes on', async () => {
  const home = await temporaryFolder()
  const mounted = 'mount -t tmpfs -o size=2m tmpfs "$1" && exec "$0" "$2" "$1" full fill'
  const inside = ['--user', '--map-root-user', '--mount', 'sh', '-c', mounted, process.execPath, home, CHILD]
  const ran = spawnSync('unshare', inside, { encoding: 'utf8' })
  if (ran.status !== 0) {
    // A machine that lets its users mount nothing (or has no `unshare`) can only be told of; the test above runs everywhere.
    expect(ran.error?.message ?? ran.stderr).toMatch(/ENOENT|not permitted|denied|no space|unshare|mount/i)
    return
  }
  expect(summary(told(ran))).toEqual(nothingHalf(/no room is left on the disk/))
})

test('a folder that is really read-only: refused with words, and what lies there is still restored', async () => {
  const home = await temporaryFolder()
  const { outcome, names, entries } = told(
    spawnSync(process.execPath, [CHILD, home, 'read-only'], { encoding: 'utf8' }),
  )
  expect(outcome).toMatch(/^disk: .*cannot be written to \(EACCES\)\. Make it writable.* true$/)
  expect([names.length, entries]).toEqual([1, 1])
})

test('two processes: the second one is refused while the first one lives, and goes on with its entries when it is killed', async () => {
  const home = await temporaryFolder()
  const child = spawn(process.execPath, [CHILD, home, 'hold'], { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    await once(child.stdout, 'data')
    await expect(stage({}, home)).rejects.toThrow(/Another process uses .*one at a time/)
  } finally {
    child.kill('SIGKILL')
    await once(child, 'close')
  }
  const { cache, faults } = await stage({}, home)
  await using found = await cache.find(query(tokens(400)))
  expect(found?.commonTokens).toBe(300)
  await save(cache, tokens(300, 3))
  expect(faults).toEqual([])
})
