import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { turnsDuring } from '../../test/support/loop-turns.ts'
import { BLOCK_TOKENS, blockHashes, commonBlocks, tokenBytes, tokensOf } from './token-blocks.ts'

const PIECE_TOKENS = 16_384

function text(count: number): Uint32Array {
  return Uint32Array.from({ length: count }, (_, at) => (at * 7 + 70_000) % 100_000)
}

test('each hash is of its block and of all before it, as files have them', async () => {
  const tokens = text(3 * BLOCK_TOKENS + 5)
  let before = Buffer.alloc(0)
  let expected = ''
  for (let block = 0; block < 3; block++) {
    const bytes = Buffer.alloc(BLOCK_TOKENS * 4)
    for (let at = 0; at < BLOCK_TOKENS; at++) bytes.writeUInt32LE(tokens[block * BLOCK_TOKENS + at] ?? 0, at * 4)
    before = createHash('sha256').update(before).update(bytes).digest().subarray(0, 8)
    expected += before.toString('base64url')
  }
  expect(await blockHashes(tokens)).toBe(expected)
})

test.each([
  { count: BLOCK_TOKENS - 1, blocks: 0 },
  { count: BLOCK_TOKENS, blocks: 1 },
  { count: BLOCK_TOKENS + 1, blocks: 1 },
])('$count tokens have $blocks blocks', async ({ count, blocks }) => {
  const hashes = await blockHashes(text(count))
  expect(commonBlocks(hashes, hashes)).toBe(blocks)
})

test.each([
  { count: PIECE_TOKENS - 1, turns: 0 },
  { count: PIECE_TOKENS, turns: 1 },
  { count: 8 * PIECE_TOKENS, turns: 8 },
])('others get $turns turns while $count tokens are hashed', async ({ count, turns }) => {
  const got = await turnsDuring(blockHashes(text(count)))
  expect(got).toBeGreaterThanOrEqual(turns - 1)
  expect(got).toBeLessThanOrEqual(turns)
})

test('tokens lie in a file with their lowest byte first, and come back from any place of it', () => {
  const tokens = Uint32Array.from([1, 0x01_02_03_04, 0xff_ff_ff_ff])
  const bytes = tokenBytes(tokens)
  expect([...bytes]).toEqual([1, 0, 0, 0, 4, 3, 2, 1, 255, 255, 255, 255])
  expect(tokensOf(Buffer.concat([Buffer.from([9]), bytes]).subarray(1))).toEqual(tokens)
  // What was read does not change with what it was read from.
  const again = tokensOf(bytes)
  bytes.fill(0)
  expect(again).toEqual(tokens)
  expect(tokens[0]).toBe(1)
})
