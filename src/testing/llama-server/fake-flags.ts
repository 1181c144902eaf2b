import { parseArgs } from 'node:util'
import type { CannedCall } from '../answering/answer-script.ts'
import type { FakeLlamaKnobs, LoadFailure } from './knobs.ts'

/** Flags of the fake itself; times in milliseconds. All others are llama-server's. */
const FLAGS = {
  'fake-load-delay': { type: 'string' },
  /** One of {@link LOAD_FAILURES}. */
  'fake-load-failure': { type: 'string' },
  'fake-load-stuck': { type: 'boolean' },
  /** Short for `--fake-load-failure out-of-memory`. */
  'fake-out-of-memory': { type: 'boolean' },
  'fake-prompt-token-delay': { type: 'string' },
  /** A model in a process takes its time: an answer that is whole at once cannot be left, lost or shared. */
  'fake-token-delay': { type: 'string', default: '5' },
  'fake-crash-after-tokens': { type: 'string' },
  'fake-crash-signal': { type: 'string' },
  'fake-hang-after-tokens': { type: 'string' },
  /** Short for `--fake-hang-after-tokens 0`. */
  'fake-hang': { type: 'boolean' },
  'fake-answer-tokens': { type: 'string' },
  /** `name={"argument":1}`: a chat with tools is answered so. */
  'fake-tool-call': { type: 'string', multiple: true },
  'fake-thinking': { type: 'string' },
  'fake-trained-context': { type: 'string' },
  'fake-slot-fault': { type: 'string' },
} as const
const LOAD_FAILURES: readonly LoadFailure[] = [
  'out-of-memory',
  'context-out-of-memory',
  'corrupt',
  'unknown-architecture',
]
const SLOT_FAULTS = ['ignored', 'refused', 'cut'] as const
const CRASH_SIGNALS = ['SIGABRT', 'SIGKILL', 'SIGSEGV'] as const

/** Knobs from the fake's own flags, and the arguments that are left. Throws on a flag or a value that is not known. */
export function readFakeFlags(args: readonly string[]): { knobs: Partial<FakeLlamaKnobs>; rest: string[] } {
  const own: string[] = []
  const rest: string[] = []
  for (let place = 0; place < args.length; place++) {
    const written = args[place] ?? ''
    if (!written.startsWith('--fake-')) rest.push(written)
    else {
      own.push(written)
      const flag = FLAGS[written.slice(2) as keyof typeof FLAGS]
      if (flag?.type === 'string') own.push(args[++place] ?? '')
    }
  }
  const { values } = parseArgs({ args: own, options: FLAGS })
  const number = (flag: keyof typeof FLAGS): number | undefined => {
    const text = values[flag]
    if (text === undefined) return undefined
    if (typeof text !== 'string' || !/^\d+$/.test(text)) throw new TypeError(`--${flag} is a whole number`)
    return Number(text)
  }
  const knobs: { [Knob in keyof FakeLlamaKnobs]?: FakeLlamaKnobs[Knob] | undefined } = {
    loadDelayMs: number('fake-load-delay'),
    loadFailure: values['fake-out-of-memory'] ? 'out-of-memory' : oneOf(LOAD_FAILURES, values['fake-load-failure']),
    isLoadStuck: values['fake-load-stuck'],
    promptTokenDelayMs: number('fake-prompt-token-delay'),
    tokenDelayMs: number('fake-token-delay'),
    crashAfterTokens: number('fake-crash-after-tokens'),
    crashSignal: oneOf(CRASH_SIGNALS, values['fake-crash-signal']),
    hangAfterTokens: values['fake-hang'] ? 0 : number('fake-hang-after-tokens'),
    answerTokens: number('fake-answer-tokens'),
    toolCalls: values['fake-tool-call']?.map(readCall),
    thinkingText: values['fake-thinking'],
    trainedContextTokens: number('fake-trained-context'),
    slotFault: oneOf(SLOT_FAULTS, values['fake-slot-fault']),
  }
  const given = Object.fromEntries(Object.entries(knobs).filter(([, value]) => value !== undefined))
  return { knobs: given, rest }
}

function oneOf<Word extends string>(words: readonly Word[], text: string | undefined): Word | undefined {
  if (text === undefined) return undefined
  const word = words.find((each) => each === text)
  if (word === undefined) throw new TypeError(`'${text}' is none of ${words.join(', ')}`)
  return word
}

function readCall(text: string): CannedCall {
  const middle = text.indexOf('=')
  if (middle < 0) throw new TypeError(`--fake-tool-call has the form name=json, not '${text}'`)
  return { name: text.slice(0, middle), arguments: JSON.parse(text.slice(middle + 1)) as Record<string, unknown> }
}
