import { expect, test } from 'vitest'
import { ServedManager } from '../../../test/support/served-manager.ts'
import { resourceError } from '../../spec/errors.ts'

test.each([
  ['POST', '/v1/audio/transcriptions'],
  ['POST', '/v1/audio/speech'],
  ['POST', '/v1/images/generations'],
  ['GET', '/v1/realtime'],
  ['POST', '/v1/rerank'],
  ['POST', '/rerank'],
  ['GET', '/v1/files/file-1/content'],
  ['DELETE', '/v1/assistants/a'],
  ['POST', '/v1/conversations'],
  ['POST', '/v1/messages/batches'],
])('%s %s is not here, and says why', async (method, path) => {
  await using served = await ServedManager.start()
  const response = await fetch(served.url + path, { method, ...(method === 'POST' && { body: '{}' }) })
  expect(response.status).toBe(501)
  // The clients of OpenAI and Anthropic would try again otherwise.
  expect(response.headers.get('x-should-retry')).toBe('false')
  const { error } = (await response.json()) as { error: { reason: string; message: string } }
  expect(error.reason).toBe('not-implemented')
  expect(error.message).toMatch(/^\/\S+ is not served\. \w.*\w\.$/)
})

test('a path that only begins alike is an unknown one', async () => {
  await using served = await ServedManager.start()
  expect((await fetch(`${served.url}/v1/audiobooks`)).status).toBe(404)
})

test('Anthropic’s batches are refused in its own shape', async () => {
  await using served = await ServedManager.start()
  const response = await fetch(`${served.url}/v1/messages/batches/b`)
  expect(response.status).toBe(501)
  expect(await response.json()).toMatchObject({
    type: 'error',
    error: { type: 'api_error', reason: 'not-implemented' },
  })
})

test('nothing runs in the background that could be cancelled', async () => {
  await using served = await ServedManager.start()
  const response = await fetch(`${served.url}/v1/responses/resp_1/cancel`, { method: 'POST', body: '{}' })
  expect(response.status).toBe(400)
  expect(await response.json()).toMatchObject({ error: { message: expect.stringContaining('background') } })
})

test('an error that may pass by itself is left to be tried again', async () => {
  await using served = await ServedManager.start()
  const answering = served.chat({})
  const { answer } = await served.manager.next()

  answer.fail(resourceError('queue-full', 'Full.'))
  expect((await answering).headers.has('x-should-retry')).toBe(false)
})
