import { expect, test } from 'vitest'
import type { OpenState, StateDraft } from '../../spec/state-cache.ts'
import { StateFiles } from './state-files.ts'

const told: string[] = []

function opened(entryId: string): OpenState {
  return {
    entryId,
    path: `/${entryId}`,
    tokens: Uint32Array.from([1, 2]),
    commonTokens: 2,
    payloadBytes: 8,
    noteRestored: ({ tokens }) => void told.push(`${entryId} spared ${tokens}`),
    reject: async (reason) => void told.push(`${entryId} ${reason}`),
    [Symbol.asyncDispose]: async () => void told.push(`${entryId} closed`),
  }
}

function draft(name: string): StateDraft {
  return {
    path: `/${name}`,
    commit: () => Promise.reject(new Error('not asked for')),
    abandon: async () => void told.push(`${name} abandoned`),
  }
}

test('a file is let go once, by what its own engine says of it', async () => {
  const [engine, other] = [{}, {}]
  const files = new StateFiles()
  const { openId, path } = files.addOpen(engine, opened('a'))
  expect(path).toBe('/a')
  const used = { kind: 'used', openId, gain: { tokens: 2, restoreMs: 1, savedMs: null } } as const
  await files.note(other, used)
  expect(told.splice(0)).toEqual([])
  await files.note(engine, used)
  await files.note(engine, { kind: 'rejected', openId, reason: 'was used already' })
  expect(told.splice(0)).toEqual(['a spared 2', 'a closed'])
  const second = files.addOpen(engine, opened('b'))
  await files.note(engine, { kind: 'rejected', openId: second.openId, reason: 'holds other tokens' })
  expect(told.splice(0)).toEqual(['b holds other tokens', 'b closed'])
})

test('an engine that is gone leaves nothing open and nothing half written; what is being kept goes on', async () => {
  const [engine, other] = [{}, {}]
  const files = new StateFiles()
  files.addOpen(engine, opened('a'))
  files.addOpen(other, opened('b'))
  files.addDraft(engine, draft('c'))
  const kept = files.addDraft(engine, draft('d'))
  expect(files.takeDraft(other, kept)).toBeUndefined()
  expect(files.takeDraft(engine, kept)?.path).toBe('/d')
  await files.forget(engine)
  expect(told.splice(0)).toEqual(['a closed', 'c abandoned'])
  await files.forget(engine)
  expect(told.splice(0)).toEqual([])
})

test('a state that an engine was reading as it ended is not offered to another one', async () => {
  const engine = {}
  const files = new StateFiles()
  const [ended, read] = [files.addOpen(engine, opened('a')), files.addOpen(engine, opened('b'))]
  for (const { openId } of [ended, read]) await files.note(engine, { kind: 'reading', openId })
  await files.note(engine, { kind: 'read', openId: read.openId })
  expect(told).toEqual([])
  await files.forget(engine)
  expect(told.splice(0).toSorted()).toEqual(['a closed', 'a its engine ended while it read it', 'b closed'])
})
