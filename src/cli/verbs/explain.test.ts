import { expect, test } from 'vitest'
import { VerbGround } from '../../../test/support/verb-ground.ts'
import type { RecordedDecision, RecordedRequest } from '../../spec/history.ts'
import { explainVerb } from './explain.ts'

const AT_MS = Date.UTC(2026, 0, 31, 12)
const DECISIONS: readonly RecordedDecision[] = [
  { eventId: 41, atMs: AT_MS, decision: 'pin', modelId: 'tiny', requestId: 'req_1', inputs: {} },
  {
    eventId: 43,
    atMs: AT_MS + 1_500,
    decision: 'unload',
    modelId: 'ti\u001b[31mny',
    reason: 'idle',
    inputs: { idleMs: 5 },
  },
]

test('a model: what was decided, newest last', async () => {
  await using ground = await VerbGround.start()
  ground.server.decisions = DECISIONS
  await explainVerb(ground.context, 'tiny', { limit: 20 })
  expect(ground.server.asked).toContain('GET /grym/v1/history?limit=20&model=tiny')
  expect(ground.stdout).toBe(
    'TIME                      EVENT  MODEL     WHAT WAS DECIDED\n' +
      '2026-01-31 12:00:00.000Z  #41    tiny      pinned: it stays in memory once it is there (req_1)\n' +
      '2026-01-31 12:00:01.500Z  #43    ti[31mny  to leave memory: it was idle for longer than its timer allows, for 5ms\n',
  )
})

test('a model: answers that went on from the KV cache stand among what was decided, in order', async () => {
  await using ground = await VerbGround.start()
  ground.server.decisions = DECISIONS.map((decision) => ({ ...decision, modelId: 'tiny' }))
  const restored = { tokens: 5_999, restoreMs: 300, savedMs: 101_000 }
  const request: RecordedRequest = {
    ...{ eventId: 42, endedAtMs: AT_MS + 900, requestId: 'req_2', modelId: 'tiny', outcome: 'ok', arrivedAtMs: AT_MS },
    ...{ queueWaitMs: 0, loadMs: 0, firstTextMs: 400, durationMs: 900, promptTokens: 6_000, cachedTokens: 5_999 },
    ...{ generatedTokens: 2, footprintBytes: 5, restored },
  }
  const { restored: _, ...plain } = request
  ground.server.requests = [request, { ...plain, eventId: 44 }, { ...request, eventId: 45, modelId: 'other' }]
  await explainVerb(ground.context, 'tiny', { limit: 20 })
  expect(ground.stdout.match(/#\d+/g)).toEqual(['#41', '#42', '#43'])
  expect(ground.stdout).toContain(
    'an answer went on from the KV cache: restored 5,999 of 6,000 tokens in 0.3 s, about 101 s saved (req_2)',
  )
})

test.each(['41', '#41'])('an event (%s): its row is marked', async (subject) => {
  await using ground = await VerbGround.start()
  ground.server.decisions = DECISIONS
  await explainVerb(ground.context, subject, { limit: 20 })
  expect(ground.server.asked).toEqual(['GET /grym/v1/history?limit=20&event=41'])
  expect(ground.stdout.split('\n')[1]).toContain('> #41')
})

test('an event that is no decision says so before what was decided around it', async () => {
  await using ground = await VerbGround.start()
  ground.server.decisions = DECISIONS
  await explainVerb(ground.context, '42', { limit: 20 })
  expect(ground.stdout).toMatch(/^Event 42 is no decision\. .*\nTIME/)
})

test('nothing known is said, with what to do', async () => {
  await using ground = await VerbGround.start()
  await explainVerb(ground.context, 'ghost', { limit: 20 })
  await explainVerb(ground.context, '99', { limit: 20 })
  expect(ground.stdout).toContain("Nothing is recorded about 'ghost'")
  expect(ground.stdout).toContain('grym list')
  expect(ground.stdout).toContain('No decision with event 99 is recorded')
})

test('`default` is the model that it stands for', async () => {
  await using ground = await VerbGround.start()
  await explainVerb(ground.context, 'default', { limit: 1 })
  expect(ground.server.asked[0]).toBe('GET /grym/v1/history?limit=1&model=tiny')
})

test('another name of a model is followed where nothing is recorded under it', async () => {
  await using ground = await VerbGround.start()
  ground.server.modelId = 'tiny:latest'
  await explainVerb(ground.context, 'tiny', { limit: 1 })
  expect(ground.server.asked).toEqual([
    'GET /grym/v1/history?limit=1&model=tiny',
    'POST /grym/v1/models/identify',
    'GET /grym/v1/history?limit=1&model=tiny%3Alatest',
  ])
})

test('with --json the decisions as they are', async () => {
  await using ground = await VerbGround.start({ isJson: true })
  ground.server.decisions = DECISIONS
  await explainVerb(ground.context, 'tiny', { limit: 20 })
  expect(JSON.parse(ground.stdout)).toEqual({ decisions: DECISIONS, restores: [] })
})
