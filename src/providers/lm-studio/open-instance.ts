import type { Clock } from '../../spec/clock.ts'
import { ResourceError, resourceError } from '../../spec/errors.ts'
import { givenUp, orGivenUp } from '../giving-up.ts'
import { isUnknownInstance } from './failure.ts'
import { type LmStudioInstance, type LmStudioModel, recordOf, textOf, widestInstance } from './listing.ts'
import { matchName } from './match-name.ts'
import { isSameModel, type LmStudioServer } from './server.ts'

/** No load is known to take this long; a person's limit on loads ends it sooner, by the signal. */
const LOAD_DEADLINE_MS = 1_800_000
const UNLOAD_DEADLINE_MS = 60_000
/** How long what was replied may take to show in the list. */
const CONFIRM_DEADLINE_MS = 10_000
const CONFIRM_INTERVAL_MS = 50
/** How long a load that was given up is waited for, so that its memory is really free again. */
const ABANDONED_DEADLINE_MS = 60_000

export interface InstanceWish {
  /** As {@link matchName} takes it. */
  readonly name: string
  readonly contextTokens: number
  readonly onlyEmbeds: boolean
  /** Idle time after which LM Studio itself unloads it, where grym cannot; `null` = as set there. */
  readonly ttlMs: number | null
}

/** A model in LM Studio's memory, for grym to use. */
export interface OpenInstance extends LmStudioInstance {
  readonly key: string
}

/**
 * Brings a model into LM Studio's memory: what is there already is used as it is, whoever loaded it and with what window,
 * because a second load is a second instance with weights of its own. Not to be called for one model twice at once.
 *
 * 0.4 and later load on request; before, the first question to a model loads it (JIT), with the window set there.
 * Rejects with what {@link LmStudioServer.ask} rejects with and with `request-cancelled`: then the load is waited for and
 * undone, because LM Studio has no way to stop one.
 */
export async function openInstance(
  server: LmStudioServer,
  clock: Clock,
  wish: InstanceWish,
  signal: AbortSignal,
): Promise<OpenInstance> {
  const model = matchName(await server.list({ signal }), wish.name)
  const { key, instances } = model ?? { key: wish.name, instances: null }
  const loaded = widestInstance(instances)
  if (loaded) return { ...loaded, key }
  if (server.interface !== 'v1') {
    return undoneOnAbort(server, clock, () => loadByAsking(server, clock, key, wish), signal)
  }
  if (!model) {
    const message = `LM Studio has no model '${wish.name}'. Get it there, or take one that \`grym list\` shows.`
    throw resourceError('model-file-missing', message)
  }
  return undoneOnAbort(server, clock, () => loadByRequest(server, clock, key, wish), signal)
}

/**
 * Unloads an instance that grym loaded; one that is gone already is no fault. LM Studio before 0.4 unloads nothing on
 * request: there it is LM Studio's from now on, and leaves when the time of {@link InstanceWish.ttlMs} is over.
 * Rejects with `unload-failed` and what else it refuses.
 */
export async function closeInstance(server: LmStudioServer, clock: Clock, { key, id }: OpenInstance): Promise<void> {
  const models = await server.list()
  if (!findInstance(models, id) || server.interface !== 'v1') return void server.ownInstances.delete(id)
  const path = '/api/v1/models/unload'
  try {
    await server.ask({ path, body: { instance_id: id }, task: 'unload', key, deadlineMs: UNLOAD_DEADLINE_MS })
  } catch (error) {
    if (!(error instanceof ResourceError && isUnknownInstance(error))) throw error
  }
  server.ownInstances.delete(id)
  const isGone = await until(clock, async () => (findInstance(await server.list(), id) ? undefined : true))
  if (!isGone) {
    const message = `LM Studio said that it unloads '${key}', and still lists it after ${CONFIRM_DEADLINE_MS / 1_000} s. Eject it in the application.`
    throw resourceError('unload-failed', message)
  }
}

/** What the list says of an instance; where the interface does not tell, it is taken to be there. */
export function findInstance(models: readonly LmStudioModel[], id: string): LmStudioInstance | undefined {
  if (models.some(({ instances }) => instances === null)) return { id, contextTokens: null, parallel: null }
  return models.flatMap(({ instances }) => instances ?? []).find((each) => each.id === id)
}

async function loadByRequest(
  server: LmStudioServer,
  clock: Clock,
  key: string,
  { contextTokens, onlyEmbeds }: InstanceWish,
): Promise<OpenInstance> {
  // Keys that it does not know are refused; of an embedding model the window is not ours to set.
  const body = { model: key, ...(!onlyEmbeds && { context_length: contextTokens }) }
  const reply = await server.ask({ path: '/api/v1/models/load', body, task: 'load', key, deadlineMs: LOAD_DEADLINE_MS })
  return confirmed(server, clock, key, textOf(recordOf(reply)['instance_id']) ?? key)
}

async function loadByAsking(
  server: LmStudioServer,
  clock: Clock,
  key: string,
  { onlyEmbeds, ttlMs }: InstanceWish,
): Promise<OpenInstance> {
  const ttl = ttlMs === null ? {} : { ttl: Math.max(1, Math.ceil(ttlMs / 1_000)) }
  const path = onlyEmbeds ? '/v1/embeddings' : '/v1/chat/completions'
  const question = onlyEmbeds
    ? { input: '.' }
    : { messages: [{ role: 'user', content: '.' }], max_tokens: 1, temperature: 0, stream: false }
  const body = { model: key, ...question, ...ttl }
  const reply = await server.ask({ path, body, task: 'load', key, deadlineMs: LOAD_DEADLINE_MS })
  const answering = textOf(recordOf(reply)['model'])
  if (answering !== null && !isSameModel(key, answering)) {
    const message = `LM Studio was asked to load '${key}' and answered with '${answering}'. Load the model in it, or switch its just-in-time loading on.`
    throw resourceError('wrong-model', message, { details: { asked: key, answering } })
  }
  return confirmed(server, clock, key, answering ?? key)
}

async function confirmed(server: LmStudioServer, clock: Clock, key: string, id: string): Promise<OpenInstance> {
  server.ownInstances.add(id)
  const instance = await until(clock, async () => findInstance(await server.list(), id))
  if (instance) return { ...instance, key }
  server.ownInstances.delete(id)
  const message = `LM Studio said that it loaded '${key}', and does not list it ${CONFIRM_DEADLINE_MS / 1_000} s later. Look at its own log.`
  throw resourceError('model-load-failed', message)
}

/** The instance, or `request-cancelled` once what the load left behind is gone, or after the deadline: then later. */
async function undoneOnAbort(
  server: LmStudioServer,
  clock: Clock,
  open: () => Promise<OpenInstance>,
  signal: AbortSignal,
): Promise<OpenInstance> {
  if (signal.aborted) throw givenUp()
  const opening = open()
  try {
    return await orGivenUp(opening, signal)
  } catch (error) {
    if (!signal.aborted) throw error
    // Whether the load failed by itself, or cannot be undone, is of no use to anyone who has left.
    const undone = opening.then((instance) => closeInstance(server, clock, instance)).catch(() => undefined)
    await Promise.race([undone, pause(clock, ABANDONED_DEADLINE_MS)])
    throw givenUp()
  }
}

/** Asks again and again until there is something; `undefined` when there is nothing by the deadline. */
async function until<Found>(clock: Clock, look: () => Promise<Found | undefined>): Promise<Found | undefined> {
  const deadlineAtMs = clock.nowMs() + CONFIRM_DEADLINE_MS
  for (;;) {
    const found = await look()
    if (found !== undefined || clock.nowMs() >= deadlineAtMs) return found
    await pause(clock, CONFIRM_INTERVAL_MS)
  }
}

function pause(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => void clock.setTimer(delayMs, resolve))
}
