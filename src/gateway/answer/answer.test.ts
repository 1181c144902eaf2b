import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { resourceError } from '../../spec/errors.ts'
import { type Asked, begin, finish } from '../../testing/scripted-manager.ts'
import { ScriptedServices } from '../../testing/scripted-services.ts'
import { replyError } from '../error-reply.ts'
import { Reception } from '../reception.ts'
import { EVENT_STREAM } from '../stream-body.ts'
import { answer } from './answer.ts'
import { type AnswerWriter, textOf } from './answer-writer.ts'

const KEEP_ALIVE_AFTER_MS = 10_000
const NDJSON = 'application/x-ndjson'

/** Writes words, in a dialect that may or may not be told to wait. */
function writerOf(contentType: string, idle: string): AnswerWriter {
  return {
    contentType,
    idle,
    whole: (parts) => ({ whole: textOf(parts, 'text') }),
    begin: () => 'begin\n',
    part: (part) => `${textOf([part], 'text')}\n`,
    end: () => 'end\n',
    failure: ({ reason }, id) => `failure ${reason} ${id}\n`,
  }
}

let services: ScriptedServices
let app: FastifyInstance
let url: string
let replies: FastifyReply[]

beforeEach(async () => {
  services = new ScriptedServices()
  replies = []
  const [keeps, keyDefaults] = [(): boolean => true, (): object => ({})]
  const common = { services: () => services, keeps, keyDefaults, keepAliveAfterMs: KEEP_ALIVE_AFTER_MS }
  const reception = new Reception(common)
  app = Fastify({ forceCloseConnections: true })
  app.setErrorHandler((error, request, reply) => replyError(error, request, reply))
  const serve = (path: string, isStreamed: boolean, contentType: string, idle: string): void => {
    app.get(path, async (request, reply) => {
      replies.push(reply)
      const asked = { model: 'a', messages: [], sampling: {}, stop: [], isStreamed }
      return answer({ reception, asked, writer: writerOf(contentType, idle) }, request, reply)
    })
  }
  serve('/events', true, EVENT_STREAM, ': waiting\n\n')
  serve('/lines', true, NDJSON, '')
  serve('/whole', false, EVENT_STREAM, ': waiting\n\n')
  url = await app.listen({ host: '127.0.0.1', port: 0 })
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
})

afterEach(async () => {
  vi.useRealTimers()
  await app.close()
})

async function ask(path: string): Promise<{ response: Promise<Response>; asked: Asked; isOpen: () => boolean }> {
  const response = fetch(`${url}${path}`)
  const asked = await services.manager.next()
  return { response, asked, isOpen: () => replies[0]?.raw.headersSent === true }
}

const tooLong = resourceError('context-too-long', 'Too long.')
const lost = resourceError('engine-lost', 'The engine ended.')

describe('a silence', () => {
  test('of events is kept open by comments: not before its time, at it, and again', async () => {
    const { response, asked, isOpen } = await ask('/events')
    vi.advanceTimersByTime(KEEP_ALIVE_AFTER_MS - 1)
    expect(isOpen()).toBe(false)
    vi.advanceTimersByTime(1)
    expect(isOpen()).toBe(true)
    expect((await response).status).toBe(200)
    vi.advanceTimersByTime(KEEP_ALIVE_AFTER_MS)
    begin(asked)
    finish(asked)
    expect(await (await response).text()).toBe(': waiting\n\n: waiting\n\nbegin\nend\n')
  })

  test.each(['/lines', '/whole'])('of %s sends nothing, however long', async (path) => {
    const { response, asked, isOpen } = await ask(path)
    vi.advanceTimersByTime(100 * KEEP_ALIVE_AFTER_MS)
    expect(isOpen()).toBe(false)
    asked.answer.fail(resourceError('queue-timeout', 'Waited too long.'))
    expect((await response).status).toBe(503)
    expect(await (await response).json()).toMatchObject({ error: { reason: 'queue-timeout' } })
  })

  test('between two pieces counts from the last one', async () => {
    const { response, asked } = await ask('/events')
    begin(asked)
    const reader = (await response).body?.pipeThrough(new TextDecoderStream()).getReader()
    expect((await reader?.read())?.value).toBe('begin\n')
    vi.advanceTimersByTime(KEEP_ALIVE_AFTER_MS - 1)
    asked.answer.push({ type: 'text', text: 'one' })
    expect((await reader?.read())?.value).toBe('one\n')
    vi.advanceTimersByTime(KEEP_ALIVE_AFTER_MS - 1)
    asked.answer.push({ type: 'text', text: 'two' })
    expect((await reader?.read())?.value).toBe('two\n')
    vi.advanceTimersByTime(KEEP_ALIVE_AFTER_MS)
    expect((await reader?.read())?.value).toBe(': waiting\n\n')
  })
})

describe('a failure', () => {
  test.each(['/events', '/lines', '/whole'])('before the first byte of %s has its own status', async (path) => {
    const { response, asked } = await ask(path)
    asked.answer.fail(tooLong)
    expect((await response).status).toBe(400)
    expect((await response).headers.get('content-type')).toBe('application/json; charset=utf-8')
    const id = (await response).headers.get('x-grym-error-id')
    expect(await (await response).json()).toMatchObject({ error: { reason: 'context-too-long', id } })
  })

  test.each(['/events', '/lines'])(
    'after the first byte of %s is told within the stream, and ends it',
    async (path) => {
      const { response, asked } = await ask(path)
      begin(asked)
      asked.answer.push({ type: 'text', text: 'one' })
      asked.answer.fail(lost)
      expect((await response).status).toBe(200)
      expect(await (await response).text()).toMatch(/^begin\none\nfailure engine-lost err_[0-9a-f-]+\n$/)
    },
  )

  test('after a comment is told within the stream, too', async () => {
    const { response, asked } = await ask('/events')
    vi.advanceTimersByTime(KEEP_ALIVE_AFTER_MS)
    asked.answer.fail(tooLong)
    expect((await response).status).toBe(200)
    expect(await (await response).text()).toMatch(/^: waiting\n\nfailure context-too-long err_[0-9a-f-]+\n$/)
  })

  test('of a whole answer that had begun has its own status: nothing is out yet', async () => {
    const { response, asked } = await ask('/whole')
    begin(asked)
    asked.answer.push({ type: 'text', text: 'one' })
    asked.answer.fail(lost)
    expect((await response).status).toBe(lost.httpStatus)
  })
})

test('nothing of the clock is left when the answer is over', async () => {
  for (const path of ['/events', '/lines', '/whole']) {
    const { response, asked } = await ask(path)
    begin(asked)
    finish(asked)
    await (await response).text()
  }
  await expect.poll(() => vi.getTimerCount()).toBe(0)
})
