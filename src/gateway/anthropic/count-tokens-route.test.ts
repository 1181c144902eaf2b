import { expect, test, vi } from 'vitest'
import { ServedManager } from '../../../test/support/served-manager.ts'
import type { ManagerService } from '../../spec/admin.ts'

function count(served: ServedManager, body: object): Promise<Response> {
  return fetch(`${served.url}/v1/messages/count_tokens`, { method: 'POST', body: JSON.stringify(body) })
}

test('counts what the same body would be answered from, and says how', async () => {
  await using served = await ServedManager.start()
  const counts = vi.spyOn(served.manager as ManagerService, 'countTokens')
  const tool = { name: 'add', input_schema: { type: 'object' } }
  const response = await count(served, {
    model: 'a',
    system: 'Brief.',
    messages: [
      { role: 'user', content: 'hello' },
      { role: 'assistant', content: 'Well' },
    ],
    tools: [tool],
    tool_choice: { type: 'any' },
    thinking: { type: 'enabled', budget_tokens: 1_024 },
  })
  expect(await response.json()).toEqual({ input_tokens: 'Brief.helloWell'.length })
  expect(response.headers.get('x-grym-token-count')).toBe('exact')
  expect(counts.mock.lastCall?.[3]).toEqual({
    tools: [{ name: 'add', parameters: { type: 'object' } }],
    toolChoice: 'required',
    thinking: true,
  })
})

test('says when it is an estimate', async () => {
  await using served = await ServedManager.start()
  vi.spyOn(served.manager as ManagerService, 'countTokens').mockResolvedValue({ tokens: 5, source: 'estimated' })
  const response = await count(served, { messages: [{ role: 'user', content: 'hello' }] })
  expect(response.headers.get('x-grym-token-count')).toBe('estimated')
})

test('refuses what the messages would be refused for', async () => {
  await using served = await ServedManager.start()
  const response = await count(served, { messages: [{ role: 'robot', content: 'hello' }] })
  expect(response.status).toBe(400)
  expect(await response.json()).toMatchObject({
    type: 'error',
    error: { message: expect.stringMatching(/^messages\[0\]\.role: /) as string },
  })
})
