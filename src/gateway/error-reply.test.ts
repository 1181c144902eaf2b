import Fastify from 'fastify'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { resourceError } from '../spec/errors.ts'
import { replyError } from './error-reply.ts'

test('of what an engine printed, the end is written to the log', async () => {
  const written: string[] = []
  const logger = pino({}, { write: (line: string) => void written.push(line) })
  await using app = Fastify({ loggerInstance: logger })
  app.setErrorHandler((error, request, reply) => replyError(error, request, reply))
  app.get('/:letters', (request) => {
    const letters = Number((request.params as { letters: string }).letters)
    const log = Array.from({ length: 600 }, (_, line) => `${'k'.repeat(letters)}${line}`).join('\n')
    throw resourceError('server-start-failed', 'It ended.', { details: { command: 'run', log } })
  })
  await app.inject('/1')
  await app.inject('/1900')
  const details = written
    .map((line) => (JSON.parse(line) as { details?: { command: string; log: string } }).details)
    .filter((each) => each !== undefined)
  expect(details.map(({ command }) => command)).toEqual(['run', 'run'])
  expect(details[0]?.log.split('\n')).toHaveLength(20)
  expect(details[1]?.log).toHaveLength(4_000)
  expect(details[1]?.log).toMatch(/599$/)
})
