import { afterEach, expect, test } from 'vitest'
import { tearDown } from '../support/kv-ground.ts'
import { KvCacheWorld } from './kv-cache-world.ts'
import { Random } from './random.ts'
import { seeds } from './seeds.ts'

/** Of the seeds: each one writes and reads some hundred files. */
const SHARE = 0.1
const ACTS = 80

afterEach(tearDown)

test(
  'whatever happens, a state comes back as it was saved, to whom it belongs, and the caps hold',
  {
    timeout: 240_000,
  },
  async () => {
    const ran = seeds().slice(0, Math.ceil(seeds().length * SHARE))
    const done: Record<string, number> = {}
    for (const seed of ran) {
      const world = await KvCacheWorld.make(new Random(seed))
      for (let act = 1; act <= ACTS; act++) {
        await world.act().catch((error: unknown) => {
          throw new Error(`seed ${seed}, act ${act}`, { cause: error })
        })
        expect(await world.check(), `seed ${seed}, act ${act}`).toEqual([])
      }
      for (const [name, count] of Object.entries(world.done)) done[name] = (done[name] ?? 0) + count
      await world.end()
      await tearDown()
    }
    if (ran.length < 20) return
    const names = ['save', 'find', 'hold', 'release', 'reject', 'forget', 'damage', 'kill']
    for (const name of names) expect(done[name] ?? 0, name).toBeGreaterThan(0)
  },
)
