import { expect, test } from 'vitest'
import { ServedManager } from '../../../test/support/served-manager.ts'
import type { GrymEvent } from '../../spec/events.ts'
import { MAX_FOLLOWERS } from './event-routes.ts'

function happened(id: number): GrymEvent {
  return { id, atMs: 5, type: 'modelLoading', data: { modelId: 'a', attempt: 1 } }
}

function follow(served: ServedManager, lastEventId?: string, signal?: AbortSignal): Promise<Response> {
  const headers = lastEventId === undefined ? {} : { 'last-event-id': lastEventId }
  return fetch(`${served.url}/grym/v1/events`, { headers, ...(signal && { signal }) })
}

test('events travel with id, type and data; a follower resumes after its last one', async () => {
  await using served = await ServedManager.start()
  for (const id of [1, 2, 3]) served.manager.publish(happened(id))
  const response = await follow(served, '2')
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  expect((await reader?.read())?.value).toBe(`id: 3\nevent: modelLoading\ndata: ${JSON.stringify(happened(3))}\n\n`)
  served.manager.publish(happened(4))
  expect((await reader?.read())?.value).toContain('id: 4\n')
  await reader?.cancel()
  await expect.poll(() => served.manager.followers.size).toBe(0)
})

test.each(['-1', 'x', '1.5'])('Last-Event-ID %s is refused', async (id) => {
  await using served = await ServedManager.start()
  expect((await follow(served, id)).status).toBe(400)
})

test('followers: the limit is allowed, one more is not, and one that leaves makes room', async () => {
  await using served = await ServedManager.start()
  const leaving = new AbortController()
  const open = await Promise.all([
    follow(served, undefined, leaving.signal),
    ...Array.from({ length: MAX_FOLLOWERS - 1 }, () => follow(served)),
  ])
  expect(open.every(({ status }) => status === 200)).toBe(true)
  const refused = await follow(served)
  expect([refused.status, await refused.json()]).toEqual([
    503,
    { error: expect.objectContaining({ reason: 'too-many-connections' }) },
  ])
  leaving.abort()
  await expect.poll(async () => (await follow(served)).status).toBe(200)
})
