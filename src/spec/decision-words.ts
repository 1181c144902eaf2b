import type { ErrorReason } from './error-reason.ts'
import { ERROR_TABLE } from './error-table.ts'
import type { Decision, JournalEntry } from './journal.ts'
import type { UnloadReason } from './model.ts'
import type { EngineLossCause } from './provider.ts'
import { counted } from './restore-words.ts'
import { formatBytes, formatDuration } from './units.ts'

/**
 * A decision as one sentence for a person: what was decided, and on what. The model is not named in it. Inputs that
 * this version knows no words for follow as `name value`, so nothing that was recorded is kept back.
 */
export function describeDecision(entry: JournalEntry): string {
  const inputs = new Inputs(entry)
  // A journal may have been written by another version.
  const sentence = Object.hasOwn(WORDS, entry.decision) ? WORDS[entry.decision](inputs, entry) : entry.decision
  const more = [...inputs.rest(), ...(entry.requestId === undefined ? [] : [entry.requestId])]
  return more.length > 0 ? `${sentence} (${more.join(', ')})` : sentence
}

/** What a decision was decided on, read once each: what nobody read is left over. */
class Inputs {
  readonly #rest: Map<string, number | string | boolean>

  constructor({ inputs }: JournalEntry) {
    this.#rest = new Map(Object.entries(inputs))
  }

  number(name: string): number | undefined {
    return this.#take(name, 'number')
  }

  text(name: string): string | undefined {
    return this.#take(name, 'string') || undefined
  }

  /** The value as people write it; `?` when the entry has none. */
  words(name: string): string {
    const value = this.#rest.get(name)
    this.#rest.delete(name)
    return value === undefined ? '?' : formatInput(name, value)
  }

  /** `words` of it, or '' when the entry has none. */
  optional(name: string, say: (words: string) => string): string {
    return this.#rest.has(name) ? say(this.words(name)) : ''
  }

  rest(): string[] {
    return [...this.#rest].map(([name, value]) => `${name} ${formatInput(name, value)}`)
  }

  #take<Kind extends 'number' | 'string'>(
    name: string,
    kind: Kind,
  ): (Kind extends 'number' ? number : string) | undefined {
    const value = this.#rest.get(name)
    if (typeof value !== kind) return undefined
    this.#rest.delete(name)
    return value as Kind extends 'number' ? number : string
  }
}

function formatInput(name: string, value: number | string | boolean): string {
  if (typeof value !== 'number') return String(value)
  if (name.endsWith('Bytes')) return formatBytes(value)
  return name.endsWith('Ms') ? formatDuration(value) : String(value)
}

type Writer = (inputs: Inputs, entry: JournalEntry) => string

const WORDS: Readonly<Record<Decision, Writer>> = {
  load: (inputs) => {
    const attempt = inputs.number('attempt') ?? 1
    const layers = inputs.optional('gpuLayers', (words) => `, ${words} of its layers on GPUs`)
    const room = roomWords(inputs)
    return `being loaded${attempt > 1 ? `, attempt ${attempt}` : ''}${layers}${room && `: ${room}`}`
  },
  'load-retry': (inputs) => `to be loaded again in ${inputs.words('delayMs')}, as attempt ${inputs.words('attempt')}`,
  'load-done': (inputs) =>
    `loaded in ${inputs.words('loadMs')}: takes ${inputs.words('footprintBytes')}` +
    inputs.optional('footprintSource', (source) => `, ${source}`) +
    inputs.optional('fromCache', () => ', back from the cache on disk'),
  'load-failed': (inputs, { reason }) => `attempt ${inputs.words('attempt')} to load it failed${because(reason)}`,
  'gpu-fewer-layers': (inputs, { reason }) =>
    `${inputs.words('triedLayers')} of its layers could not lie on GPUs, so at most ${inputs.words('mostLayers')} are tried${because(reason)}`,
  evict: (inputs) => evictWords(inputs),
  unload: (inputs, { reason }) => {
    const running = inputs.number('running') ?? 0
    const idle = inputs.optional('idleMs', (words) => `, for ${words}`)
    const after = running > 0 ? `, once ${counted(running, 'request')} being served ${isOrAre(running)} answered` : ''
    const toCache = inputs.optional('toCache', () => ', and moved to the cache on disk')
    return `to leave memory: ${unloadWords(reason)}${idle}${toCache}${after}`
  },
  'unload-done': (inputs, { reason }) =>
    `left memory: ${unloadWords(reason)}; it took ${inputs.words('footprintBytes')}`,
  'unload-failed': (_, { reason }) => `could not be unloaded and stays in memory${because(reason)}`,
  grant: (inputs) => {
    const running = inputs.number('running') ?? 1
    const others = running > 1 ? `, beside ${counted(running - 1, 'other')} on this model` : ''
    return `a request got its turn${others}${inputs.optional('waiting', (words) => `; ${words} still wait`)}`
  },
  wait: (inputs) =>
    `a request waits for ${waitWords(inputs.text('waitsFor'))}` +
    inputs.optional('waiting', (words) => `; ${words} in the queue`),
  reject: (inputs, { reason }) => {
    const waitedFor = inputs.text('waitedFor')
    return `a request was refused${waitedFor === undefined ? '' : ` while it waited for ${waitWords(waitedFor)}`}${because(reason)}`
  },
  'request-retry': (inputs) =>
    `a request went back to its place in the queue: the engine was lost under it, for the ${ordinal(inputs.number('crashes') ?? 1)} time`,
  quarantine: (inputs) =>
    `a request is not tried again for ${inputs.words('durationMs')}: the engine was lost under it ${times(inputs.number('crashes') ?? 2)}`,
  'engine-lost': (inputs, { reason }) => {
    const running = inputs.number('running') ?? 0
    const detail = inputs.text('detail')
    const why = `${unloadWords(reason)}${detail === undefined ? '' : `, ${detail}`}`
    return `the engine was lost: ${why}; ${running === 0 ? 'nothing was' : `${counted(running, 'request')} ${wasOrWere(running)}`} being served`
  },
  'circuit-open': (inputs) =>
    `not loaded for the next ${inputs.words('openMs')}: ${counted(inputs.number('failuresInARow') ?? 1, 'attempt')} failed in a row`,
  'circuit-close': (inputs) =>
    `may be loaded as before: it worked after ${counted(inputs.number('failuresInARow') ?? 1, 'failure')} in a row`,
  pin: () => 'pinned: it stays in memory once it is there',
  unpin: () => 'no longer pinned: it may be evicted, and its idle timer counts',
  'keep-alive': (inputs) => {
    const stayMs = inputs.number('keepAliveMs')
    if (stayMs === undefined) return 'its idle timer was set by a request: it has none, and is evicted last'
    return stayMs === 0
      ? 'its idle timer was set by a request: it leaves as soon as nothing is served'
      : `its idle timer was set by a request: ${formatDuration(stayMs)}`
  },
  'grow-window': (inputs) =>
    `its window is to grow from ${inputs.words('contextTokens')} to ${inputs.words('wishedTokens')} tokens, as a request wishes: it is loaded anew once`,
  'clamp-window': (inputs, { reason }) =>
    `it could not be loaded with a window of ${inputs.words('wishedTokens')} tokens, so ${inputs.words('contextTokens')} must do${because(reason)}`,
  slept: (inputs) => `the machine slept for ${inputs.words('gapMs')}: no deadline and no idle timer ran meanwhile`,
  'reclaim-spare': (inputs) =>
    `the spare engine process was given back, ${inputs.words('spareBytes')}: ${inputs.words('committedBytes')} were committed with it, at a pressure of ${inputs.words('pressureRatio')}`,
  allocate: (inputs) => {
    const promised = inputs.words('allocatedBytes')
    const room = roomWords(inputs)
    return `${promised} promised to it${room && `: ${room}`}`
  },
  'allocation-over': (inputs, { reason }) =>
    `the promise of ${inputs.words('allocatedBytes')} to it ended: ${unloadWords(reason)}`,
}

/** What was needed, and how full memory was; '' when the entry does not say. */
function roomWords(inputs: Inputs): string {
  const needs = inputs.optional('addedBytes', (words) => `it needed ${words}`)
  return [needs, fillWords(inputs), placeWords(inputs)].filter((words) => words !== '').join(', ')
}

function fillWords(inputs: Inputs): string {
  return inputs.optional(
    'committedBytes',
    (words) => `${words} of the ${inputs.words('budgetBytes')} for models were in use`,
  )
}

function placeWords(inputs: Inputs): string {
  return inputs.optional(
    'modelsInMemory',
    (words) => `${words} of at most ${inputs.words('maxModelsLoaded')} models were in memory`,
  )
}

/** For memory or for a place, whichever was missing, and why this model. */
function evictWords(inputs: Inputs): string {
  // A model that is evicted serves nobody: there is nothing to say about it.
  inputs.number('running')
  const forWhom = inputs.optional('forModel', (words) => ` for ${words}`)
  const idle = inputs.optional('idleMs', (words) => `idle for ${words}`) || 'idle'
  const why = `it was ${idle} and next in line (lower priority first, then least recently used)`
  const added = inputs.number('addedBytes')
  if (added === undefined) return `evicted to make room${forWhom}: ${why}`
  const [committed, budget] = [inputs.number('committedBytes') ?? 0, inputs.number('budgetBytes') ?? 0]
  if (added + committed <= budget) return `evicted to make a place${forWhom}: ${placeWords(inputs)}; ${why}`
  // The places do not matter then.
  placeWords(inputs)
  const full = `${formatBytes(committed)} of the ${formatBytes(budget)} for models were in use`
  return `evicted to make room for ${formatBytes(added)}${forWhom}: ${full}; ${why}`
}

const UNLOAD_WORDS: Readonly<Record<UnloadReason | EngineLossCause, string>> = {
  taken: 'somebody else took it out of memory',
  requested: 'somebody asked for it',
  evicted: 'evicted to make room',
  idle: 'it was idle for longer than its timer allows',
  crashed: 'the engine process ended by itself',
  stuck: 'the engine made no progress and was ended',
  'out-of-memory': 'the kernel killed the engine for lack of memory',
  'error-cleanup': 'it was in the way after an error',
  shutdown: 'the daemon stops',
}

function unloadWords(reason: JournalEntry['reason']): string {
  if (reason === undefined) return 'for a reason that was not recorded'
  return Object.hasOwn(UNLOAD_WORDS, reason) ? UNLOAD_WORDS[reason as keyof typeof UNLOAD_WORDS] : reason
}

/** `, queue-full: more requests wait than …`: the name that finds it in the table, and what it means. */
function because(reason: JournalEntry['reason']): string {
  if (reason === undefined) return ''
  if (!Object.hasOwn(ERROR_TABLE, reason)) return `, ${reason}`
  const { meaning } = ERROR_TABLE[reason as ErrorReason]
  return `, ${reason}: ${meaning.charAt(0).toLowerCase()}${meaning.slice(1).replace(/\.$/, '')}`
}

/** What a request may be found waiting for, by the names that the journal uses. */
const WAIT_WORDS: ReadonlyMap<string, string> = new Map([
  ['slot', 'the requests before it on the same model'],
  ['cpu', 'other models to finish generating'],
  ['load', 'the model to load'],
  ['retry', 'another attempt at loading the model'],
  ['memory', 'memory that other models hold'],
  ['models', 'one of the loaded models to give up its place'],
  ['unload', 'the model to leave memory'],
])

function waitWords(waitsFor: string | undefined): string {
  return WAIT_WORDS.get(waitsFor ?? '') ?? waitsFor ?? 'its turn'
}

function isOrAre(number: number): string {
  return number === 1 ? 'is' : 'are'
}

function wasOrWere(number: number): string {
  return number === 1 ? 'was' : 'were'
}

function times(number: number): string {
  return number === 2 ? 'twice' : `${number} times`
}

function ordinal(number: number): string {
  return ['first', 'second', 'third'][number - 1] ?? `${number}th`
}
