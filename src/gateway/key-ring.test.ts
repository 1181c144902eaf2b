import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { AccessKeys } from '../spec/access-keys.ts'
import { LOCAL_OWNER } from '../spec/owner-id.ts'
import { ownerOf } from './conversation-wish.ts'
import { KeyRing } from './key-ring.ts'

const digestOf = (key: string): string => createHash('sha256').update(key).digest('hex')
const KEYS: AccessKeys = {
  laptop: { digest: digestOf('k1'), keepAliveMs: null, priority: 2 },
  phone: { digest: digestOf('k2') },
}
const ring = new KeyRing(KEYS, 'local')

describe('with keys defined', () => {
  test.each([[{ authorization: 'Bearer k1' }], [{ 'x-api-key': 'k2' }], [{ authorization: 'bearer  k1 ' }]])(
    'lets the holder of one in by %j',
    (headers) => expect(() => ring.admit({ ...headers })).not.toThrow(),
  )

  test.each([[{}], [{ authorization: 'Basic azE6' }], [{ authorization: 'Bearer ' }], [{ 'x-api-key': '' }]])(
    'asks for a key after %j',
    (headers) => expect(() => ring.admit(headers)).toThrow(expect.objectContaining({ reason: 'key-missing' })),
  )

  test.each([
    [{ authorization: 'Bearer k' }],
    [{ 'x-api-key': digestOf('k1') }],
    [{ authorization: 'Bearer k1k2' }],
    // The customary header counts; a second key beside it opens nothing.
    [{ authorization: 'Bearer x', 'x-api-key': 'k1' }],
  ])('refuses %j', (headers) => {
    expect(() => ring.admit(headers)).toThrow(expect.objectContaining({ reason: 'key-unknown' }))
  })

  test('a refusal never repeats what was sent', () => {
    expect(() => ring.admit({ 'x-api-key': 'sk-secret-of-mine' })).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('sk-secret') as string }),
    )
  })

  test('says how models are kept for each', () => {
    expect(ring.defaultsOf(digestOf('k1'))).toEqual({ keepAliveMs: null, priority: 2 })
    expect(ring.defaultsOf(digestOf('k2'))).toEqual({})
    expect(ring.defaultsOf(LOCAL_OWNER)).toEqual({})
  })
})

test.each([[KEYS], [{}]])('the tools of the user come in by their token and own what no key owns', (keys) => {
  const headers = { authorization: 'Bearer local' }
  new KeyRing(keys, 'local').admit(headers)
  expect(ownerOf(headers)).toBe(LOCAL_OWNER)
})

test('without a key defined everybody comes in, with any key or none', () => {
  const open = new KeyRing({}, 'local')
  const headers = { authorization: 'Bearer sk-anything' }
  open.admit(headers)
  open.admit({})
  expect(ownerOf(headers)).toBe(digestOf('sk-anything'))
})
