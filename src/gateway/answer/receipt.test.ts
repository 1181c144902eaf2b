import { describe, expect, test } from 'vitest'
import { ServedManager } from '../../../test/support/served-manager.ts'
import type { RestoreGain } from '../../spec/restored-state.ts'
import { begin, finish } from '../../testing/scripted-manager.ts'

const GAIN: RestoreGain = { tokens: 5_999, restoreMs: 300.4, savedMs: 101_000.6 }
const IN_BODY = { restored_tokens: 5_999, restore_ms: 300, saved_ms: 101_001 }
const MESSAGES = [{ role: 'user', content: 'hi' }]

/** Each way to ask, and where its answer carries the receipt. */
const WAYS: readonly [path: string, body: object, grymOf: (answer: Answer) => unknown][] = [
  ['/v1/chat/completions', { messages: MESSAGES }, ({ usage }) => usage?.grym],
  ['/v1/completions', { prompt: 'hi' }, ({ usage }) => usage?.grym],
  ['/v1/responses', { input: 'hi' }, ({ usage, response }) => (response ?? { usage }).usage?.grym],
  ['/v1/messages', { messages: MESSAGES, max_tokens: 9 }, ({ usage }) => usage?.grym],
  ['/api/chat', { messages: MESSAGES }, ({ grym }) => grym],
  ['/api/generate', { prompt: 'hi' }, ({ grym }) => grym],
]

interface Answer {
  readonly usage?: { readonly grym?: unknown }
  readonly response?: Answer
  readonly grym?: unknown
}

async function ask(path: string, body: object, restored: RestoreGain | undefined): Promise<Response> {
  await using served = await ServedManager.start()
  const content = JSON.stringify({ model: 'a', stream: false, ...body })
  const headers = { 'content-type': 'application/json', 'anthropic-version': '2023-06-01' }
  const response = fetch(`${served.url}${path}`, { method: 'POST', headers, body: content })
  const asked = await served.manager.next()
  begin(asked)
  asked.answer.push({ type: 'text', text: 'yes' })
  finish(asked, 'stop', restored)
  const text = await (await response).text()
  return new Response(text, { headers: (await response).headers })
}

describe.each(WAYS)('%s', (path, body, grymOf) => {
  test('tells what came from disk, in headers and body', async () => {
    const response = await ask(path, body, GAIN)
    expect(response.headers.get('x-grym-restored-tokens')).toBe('5999')
    expect(response.headers.get('x-grym-saved-ms')).toBe('101001')
    expect(grymOf((await response.json()) as Answer)).toMatchObject(IN_BODY)
  })

  test('says nothing of it where nothing came', async () => {
    const response = await ask(path, body, undefined)
    expect(response.headers.get('x-grym-restored-tokens')).toBeNull()
    expect(response.headers.get('x-grym-saved-ms')).toBeNull()
    expect(grymOf((await response.json()) as Answer)).not.toHaveProperty('restored_tokens')
  })

  test('of what is not measured yet it invents nothing', async () => {
    const response = await ask(path, body, { ...GAIN, savedMs: null })
    expect(response.headers.get('x-grym-restored-tokens')).toBe('5999')
    expect(response.headers.get('x-grym-saved-ms')).toBeNull()
    expect(grymOf((await response.json()) as Answer)).toMatchObject({ ...IN_BODY, saved_ms: null })
  })

  test('a stream tells it in what comes last', async () => {
    const response = await ask(path, { ...body, stream: true, stream_options: { include_usage: true } }, GAIN)
    expect(response.headers.get('x-grym-restored-tokens')).toBeNull()
    const text = await response.text()
    expect(text.lastIndexOf('"restored_tokens":5999')).toBeGreaterThan(text.indexOf('yes'))
    expect(text).toContain('"saved_ms":101001')
  })
})
