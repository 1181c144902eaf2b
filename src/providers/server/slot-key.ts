import { createHash } from 'node:crypto'
import { readlink } from 'node:fs/promises'
import type { StateKey } from '../../spec/state-cache.ts'
import { asCount, asText, type JsonRecord } from '../../spec/json-narrowing.ts'
import type { CommandRun } from './server-plan.ts'

/** Of a program's words, those that change nothing of a state, each with its value. The model is known by its digest. */
const FREE_FLAGS = new Set([
  ...['-m', '--model', '-a', '--alias', '--host', '--port', '--api-key', '--api-key-file', '--slot-save-path'],
  ...['-c', '--ctx-size', '-t', '--threads', '-tb', '--threads-batch', '-b', '--batch-size', '-ub', '--ubatch-size'],
  ...['--sse-ping-interval', '--cache-ram', '-cram', '--ctx-checkpoints', '--timeout', '-to', '--threads-http'],
])
const ADAPTER_FLAGS = new Set(['--lora', '--lora-scaled'])
/** What else computes along with the model, and has a state of its own that no slot's file holds. */
const UNKEPT_FLAGS = new Set(['-md', '--model-draft', '-mm', '--mmproj', '--control-vector', '--control-vector-scaled'])
/** Read by llama-server like flags. */
const VARIABLE = /^LLAMA_ARG_/

export interface SlotKeyOptions {
  readonly run: Pick<CommandRun, 'command' | 'environment'>
  /** What `/props` says. */
  readonly props: JsonRecord
  /** Of the weights. */
  readonly sha256: string
  readonly pid: number | undefined
  readonly digestOf: (path: string) => Promise<string>
}

/**
 * What the states of this server hang on; `undefined` = they cannot be told from others. Words of the command whose meaning is
 * not known are a part of it: too strict a key costs a prefill, too loose a one a wrong answer.
 */
export async function slotStateKey(options: SlotKeyOptions): Promise<StateKey | undefined> {
  const { run, props, sha256, pid, digestOf } = options
  const [program = '', ...words] = run.command
  const { bound, adapters, isUnkept } = readWords(words)
  const slots = asCount(props['total_slots'])
  const template = asText(props['chat_template'])
  if (isUnkept || slots === undefined || template === undefined) return undefined
  // Builds of a person's own all call themselves alike, so the program counts itself, too.
  const programPath = pid === undefined ? program : await readlink(`/proc/${pid}/exe`).catch(() => program)
  const variables = Object.entries(run.environment).filter(([name]) => VARIABLE.test(name))
  try {
    return {
      engine: 'llama-server',
      build: asText(props['build_info']) ?? '',
      program: await digestOf(programPath),
      weights: sha256,
      slots,
      template: digest(template),
      arguments: digest(JSON.stringify([bound, variables.toSorted(([a], [b]) => (a < b ? -1 : 1))])),
      adapters: digest(JSON.stringify(await Promise.all(adapters.map(digestOf)))),
    }
  } catch {
    // A file of these cannot be read by us.
    return undefined
  }
}

function readWords(words: readonly string[]): { bound: string[]; adapters: string[]; isUnkept: boolean } {
  const bound: string[] = []
  const adapters: string[] = []
  for (let place = 0; place < words.length; place++) {
    const word = words[place] ?? ''
    if (FREE_FLAGS.has(word)) {
      place++
      continue
    }
    bound.push(word)
    const paths = ADAPTER_FLAGS.has(word) ? (words[place + 1] ?? '').split(',') : []
    adapters.push(...paths.map((path) => path.replace(/:-?\d+(\.\d+)?$/, '')))
  }
  return { bound, adapters, isUnkept: words.some((word) => UNKEPT_FLAGS.has(word)) }
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
