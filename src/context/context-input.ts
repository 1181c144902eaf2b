import type { ContextLimits, ContextMessage } from '../spec/contexts.ts'
import { type ResourceError, resourceError } from '../spec/errors.ts'

const ROLES: ReadonlySet<unknown> = new Set(['system', 'user', 'assistant', 'tool'])

/** Limits as a program gave them (requirement R66; texts and order: §13). Throws `invalid-constraints`. */
export function readContextLimits(limits: unknown): Required<ContextLimits> {
  if (typeof limits !== 'object' || limits === null) throw invalid('The limits of a context must be an object')
  const { contextWindow, maxTokens, responseTokens = 0 } = limits as Readonly<Record<string, unknown>>
  if (!isCount(contextWindow)) throw invalid('Context window must be greater than 0, in whole tokens')
  if (!isCount(maxTokens)) throw invalid('Max tokens must be greater than 0, in whole tokens')
  if (responseTokens !== 0 && !(isCount(responseTokens) && responseTokens < contextWindow)) {
    throw invalid('Response tokens must be at least 0 and less than the context window, in whole tokens')
  }
  return { contextWindow, maxTokens, responseTokens }
}

/** A message as a program gave it. Without a timestamp it is of now. Throws `invalid-message`. */
export function readContextMessage(message: unknown, nowMs: number): ContextMessage {
  if (message == null) throw wrong('Message cannot be null or undefined')
  const { role, content, timestamp } = message as Readonly<Record<string, unknown>>
  if (typeof content !== 'string') throw wrong('Message content must be a string')
  if (content.trim() === '') throw wrong('Message content cannot be empty')
  if (role == null || role === '') throw wrong('Message role is required')
  if (!ROLES.has(role)) throw wrong('Invalid message role')
  return { role: role as ContextMessage['role'], content, timestamp: readTimestamp(timestamp, nowMs) }
}

function readTimestamp(timestamp: unknown, nowMs: number): number {
  if (timestamp == null) return nowMs
  const atMs = timestamp instanceof Date ? timestamp.getTime() : timestamp
  // Beyond what a Date can say, a number of milliseconds is a mistake.
  if (typeof atMs === 'number' && !Number.isNaN(new Date(atMs).getTime())) return atMs
  throw wrong('Message timestamp must be a number of milliseconds or a Date')
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) > 0
}

function invalid(message: string): ResourceError {
  return resourceError('invalid-constraints', message)
}

function wrong(message: string): ResourceError {
  return resourceError('invalid-message', message)
}
