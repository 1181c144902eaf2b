import { describe, expect, test } from 'vitest'
import { ServedManager } from '../../../test/support/served-manager.ts'
import { finish, RECEIPT } from '../../testing/scripted-manager.ts'
import { relayedEnd } from './relayed-end.ts'

const REASON = 'data: {"id":"x","created":7,"model":"there","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}'
const RESTORED = { tokens: 50, restoreMs: 12.4, savedMs: 900 }
const GRYM = { restored_tokens: 50, restore_ms: 12, saved_ms: 900 }

function endWith(last: string, restored?: typeof RESTORED): string {
  const usage = { promptTokens: 60, cachedTokens: 50, generatedTokens: 2 }
  const end = { finishReason: 'stop', usage, receipt: RECEIPT, ...(restored && { restored }) } as const
  return Buffer.from(relayedEnd(Buffer.from(last), end)).toString()
}

describe('the end of an engine’s own stream', () => {
  test('is left as it is where nothing came from disk', () => {
    const last = `${REASON}\n\ndata: [DONE]\n\n`
    expect(endWith(last)).toBe(last)
  })

  test.each([
    ['', 'data: [DONE]\n\n'],
    [': a comment\n\n', 'data:[DONE]\n\n'],
    ['', 'data: [DONE]\r\n\r\n'],
    ['', ''],
  ])('says what came from disk before its last word: %j %j', (comment, lastWord) => {
    const written = endWith(`${REASON}\n\n${comment}${lastWord}`, RESTORED)
    expect(written.startsWith(`${REASON}\n\n${comment}data: `)).toBe(true)
    expect(written.endsWith(lastWord)).toBe(true)
    const added = written.slice(REASON.length + 2 + comment.length, written.length - lastWord.length)
    expect(added.endsWith('\n\n')).toBe(true)
    expect(JSON.parse(added.slice('data: '.length))).toMatchObject({
      ...{ id: 'x', created: 7, model: 'there', object: 'chat.completion.chunk' },
      choices: [{ index: 0, delta: {}, finish_reason: null }],
      grym: GRYM,
    })
  })

  test.each(['data: 7', 'data: {no: json}'])('an event that was left open is closed first: %s', (event) => {
    const written = endWith(event, RESTORED)
    expect(written.startsWith(`${event}\n\ndata: {"object":`)).toBe(true)
    expect(written).toContain('"model":"a"')
  })
})

test('goes out once, after everything else', async () => {
  await using served = await ServedManager.start()
  const response = served.chat({ stream: true })
  const asked = await served.manager.next()
  asked.answer.push({ type: 'start', receipt: RECEIPT, isRelayed: true })
  asked.answer.push({ type: 'bytes', bytes: Buffer.from('data: {"id":"x"}\n\n') })
  asked.answer.push({ type: 'bytes', bytes: Buffer.from(`${REASON}\n\ndata: [DONE]\n\n`), isLast: true })
  finish(asked, 'stop', RESTORED)
  const events = (await (await response).text()).split('\n\n')
  expect(events).toEqual([
    'data: {"id":"x"}',
    REASON,
    expect.stringContaining('"restored_tokens":50'),
    'data: [DONE]',
    '',
  ])
})
