import { expect, test } from 'vitest'
import { ServedManager } from '../../../test/support/served-manager.ts'

async function ask(
  method: string,
  path: string,
  body: object,
): Promise<{ readonly status: number; readonly text: string; readonly calls: unknown }> {
  await using served = await ServedManager.start()
  const response = await fetch(`${served.url}/api/${path}`, {
    method,
    ...(method !== 'HEAD' && { body: JSON.stringify(body) }),
  })
  return { status: response.status, text: await response.text(), calls: served.services.calls }
}

function linesOf(text: string): unknown[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown)
}

test('a pull is told as it goes', async () => {
  const { text, calls } = await ask('POST', 'pull', { model: 'hf:x' })
  const pulling = { status: 'pulling hf:x from somewhere', total: 10 }
  expect(linesOf(text)).toEqual([
    { status: 'pulling manifest' },
    { ...pulling, completed: 0 },
    { ...pulling, completed: 10 },
    { status: 'success' },
  ])
  expect(calls).toEqual([['pull', 'hf:x']])
})

test('what is here needs none, and who wants no stream gets one object', async () => {
  expect(linesOf((await ask('POST', 'pull', { model: 'here' })).text)).toEqual([
    { status: 'pulling manifest' },
    { status: 'success' },
  ])
  expect(JSON.parse((await ask('POST', 'pull', { name: 'x', stream: false })).text)).toEqual({ status: 'success' })
})

test('a download that breaks off says so in its last line, or by its status', async () => {
  const lines = linesOf((await ask('POST', 'pull', { model: 'broken' })).text)
  expect(lines.at(-1)).toMatchObject({ error: 'The line broke.', reason: 'download-failed' })
  const whole = await ask('POST', 'pull', { model: 'broken', stream: false })
  expect([whole.status, JSON.parse(whole.text)]).toMatchObject([502, { error: 'The line broke.' }])
})

test('a model is deleted by its name', async () => {
  expect(await ask('DELETE', 'delete', { model: 'a' })).toEqual({ status: 200, text: '', calls: [['remove', 'a']] })
  const unknown = await ask('DELETE', 'delete', { model: 'unknown' })
  expect([unknown.status, JSON.parse(unknown.text)]).toMatchObject([404, { error: "model 'unknown' not found." }])
})

test.each([
  ['POST', 'pull'],
  ['DELETE', 'delete'],
])('%s %s does nothing without a name', async (method, path) => {
  const { status, text, calls } = await ask(method, path, {})
  expect([status, JSON.parse(text), calls]).toMatchObject([400, { error: 'model: name the model.' }, []])
})

test.each([
  ['POST', 'copy'],
  ['POST', 'create'],
  ['POST', 'push'],
  ['POST', 'blobs/sha256:0'],
  ['POST', 'me'],
  ['POST', 'signout'],
  ['DELETE', 'user/keys/x'],
])('%s %s is not served, and says what is', async (method, path) => {
  const { status, text } = await ask(method, path, {})
  expect(status).toBe(501)
  expect(JSON.parse(text)).toMatchObject({ reason: 'not-implemented', error: expect.stringMatching(/grym|Ollama/) })
})

test('HEAD of a blob is not served either', async () => {
  expect(await ask('HEAD', 'blobs/sha256:0', {})).toMatchObject({ status: 501, text: '' })
})
