import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { tearDown, temporaryFolder } from '../../test/support/kv-ground.ts'
import { isDoneInThisTurn } from '../../test/support/loop-turns.ts'
import { NONCE_BYTES, seal, TAG_BYTES, unseal } from './sealing.ts'
import { SecretKey } from './secret-key.ts'

const PLAIN = Buffer.from('what was said')
const FIRST: string = randomBytes(NONCE_BYTES).toString('base64')

afterEach(tearDown)

async function key(): Promise<SecretKey> {
  return SecretKey.at(join(await temporaryFolder(), 'kv.key'))
}

test('what is sealed says nothing, is a tag longer, and comes back', async () => {
  const secret = await key()
  const sealed = await seal(PLAIN, FIRST, 0, secret)
  expect(sealed.length).toBe(PLAIN.length + TAG_BYTES)
  expect(sealed.includes(PLAIN)).toBe(false)
  expect(await unseal(sealed, FIRST, 0, secret)).toEqual(PLAIN)
})

test('the same in another part is sealed in another way, and is not taken for the first', async () => {
  const secret = await key()
  const sealed = await seal(PLAIN, FIRST, 0, secret)
  expect((await seal(PLAIN, FIRST, 1, secret)).equals(sealed)).toBe(false)
  await expect(unseal(sealed, FIRST, 1, secret)).rejects.toThrow('it was changed, or sealed with another key')
})

test.each([
  { place: 'the text', at: 0 },
  { place: 'the tag', at: PLAIN.length },
])('a bit that was flipped in $place is found', async ({ at }) => {
  const secret = await key()
  const sealed = await seal(PLAIN, FIRST, 0, secret)
  sealed[at] = (sealed[at] ?? 0) ^ 1
  await expect(unseal(sealed, FIRST, 0, secret)).rejects.toThrow('it was changed')
})

test('another key does not open it', async () => {
  const sealed = await seal(PLAIN, FIRST, 0, await key())
  await expect(unseal(sealed, FIRST, 0, await key())).rejects.toThrow('sealed with another key')
})

test('neither is computed on the event loop', async () => {
  const secret = await key()
  const sealing = seal(PLAIN, FIRST, 0, secret)
  expect(await isDoneInThisTurn(sealing)).toBe(false)
  const unsealing = unseal(await sealing, FIRST, 0, secret)
  expect(await isDoneInThisTurn(unsealing)).toBe(false)
  expect(await unsealing).toEqual(PLAIN)
})
