import { expect, test } from 'vitest'
import { AnswerChannel } from '../spec/answer-channel.ts'
import type { ChatMessage, GenerateChunk, GenerateRequest } from '../spec/chat.ts'
import { resourceError } from '../spec/errors.ts'
import { DEFAULT_ENGINE_OPTIONS, type ModelDefinition } from '../spec/model.ts'
import type { LoadResult } from '../spec/provider.ts'
import type { ContractCheck, ProviderAbility, ProviderUnderTest } from './contract-check.ts'
import { PROVIDER_CONTRACT } from './provider-contract.ts'
import { ScriptedProvider } from './scripted-provider.ts'

/*
 * The fake keeps what the real engine keeps: judged by the same contract. Its script is a toy engine that counts
 * characters as tokens and answers with the alphabet, one letter at each turn of the event loop.
 */

function define(id: string, engineKey: string): ModelDefinition {
  return {
    id,
    platform: 'local',
    engineKey,
    contextTokens: 100,
    parallel: 1,
    engine: DEFAULT_ENGINE_OPTIONS,
    estimate: { weightsBytes: 1_000, contextBytes: 100, processBytes: 10, source: 'estimated' },
    maxPromptBytes: null,
    pinned: false,
    idleTimeoutMs: null,
    priority: 0,
    defaults: {},
  }
}

/** Engines of the toy: a key is in use while a model on it is loaded or on its way. */
class ToyEngines {
  readonly users = new Map<string, Set<string>>()
  readonly answers = new Map<string, Set<AnswerChannel<GenerateChunk>>>()
  readonly #held = new Map<string, string>()

  async load(definition: ModelDefinition, signal: AbortSignal): Promise<LoadResult> {
    if (definition.id === 'missing') throw resourceError('model-file-missing', 'missing is gone.')
    await turn()
    if (signal.aborted) throw resourceError('request-cancelled', 'given up')
    const users = this.users.get(definition.engineKey) ?? new Set()
    const isFirst = users.size === 0
    users.add(definition.id)
    this.users.set(definition.engineKey, users)
    const { weightsBytes, contextBytes, processBytes } = definition.estimate
    const bytes = isFirst ? weightsBytes + contextBytes + processBytes : contextBytes
    const footprint = { bytes, source: 'reported' as const }
    return { loadMs: 1, footprint, contextTokens: definition.contextTokens, heldFileBytes: 0, pid: 1 }
  }

  async count({ id }: ModelDefinition, messages: readonly ChatMessage[]): Promise<number> {
    if (id === 'missing') throw resourceError('model-file-missing', 'missing is gone.')
    return messages.map(({ content }) => content).join('').length
  }

  async unload(definition: ModelDefinition): Promise<void> {
    await turn()
    const users = this.users.get(definition.engineKey)
    users?.delete(definition.id)
    if (users?.size === 0) this.end(definition.engineKey)
  }

  end(engineKey: string): void {
    this.users.delete(engineKey)
    this.#held.delete(engineKey)
    for (const answer of this.answers.get(engineKey) ?? []) answer.fail(resourceError('engine-lost', 'ended'))
    this.answers.delete(engineKey)
  }

  generate(definition: ModelDefinition, request: GenerateRequest, signal: AbortSignal): AnswerChannel<GenerateChunk> {
    const channel = new AnswerChannel<GenerateChunk>(() => {})
    const prompt = request.messages.map(({ content }) => content).join('')
    const cancel = (): void => channel.fail(resourceError('request-cancelled', 'given up'))
    if (prompt.length >= definition.contextTokens) channel.fail(resourceError('context-too-long', 'too long'))
    if (signal.aborted) cancel()
    signal.addEventListener('abort', cancel, { once: true })
    const open = this.answers.get(definition.engineKey) ?? new Set()
    this.answers.set(definition.engineKey, open.add(channel))
    const isSame = this.#held.get(definition.engineKey) === prompt
    this.#held.set(definition.engineKey, prompt)
    void speak(channel, request, prompt.length, isSame ? prompt.length - 1 : 0)
    return channel
  }
}

async function speak(
  channel: AnswerChannel<GenerateChunk>,
  { stop, maxTokens }: GenerateRequest,
  promptTokens: number,
  cachedTokens: number,
): Promise<void> {
  const [wanted = 26] = [maxTokens]
  const whole = Array.from({ length: wanted }, (_, index) => String.fromCharCode(97 + (index % 26))).join('')
  const cuts = stop.map((text) => whole.indexOf(text)).filter((index) => index !== -1)
  const said = whole.slice(0, Math.min(whole.length, ...cuts))
  for (const letter of said) {
    await turn()
    if (channel.isOver) return
    channel.push({ type: 'text', text: letter })
  }
  const usage = { promptTokens, cachedTokens, generatedTokens: said.length }
  const finishReason = cuts.length > 0 ? 'stop' : 'length'
  channel.push({ type: 'end', finishReason, usage, prefillMs: 1, decodeMs: 1 })
  channel.end()
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

function subject(): ProviderUnderTest {
  const engines = new ToyEngines()
  const provider = new ScriptedProvider('local', {
    load: (definition, signal) => engines.load(definition, signal),
    unload: (definition) => engines.unload(definition),
    count: (definition, messages) => engines.count(definition, messages),
    generate: (definition, request, signal) => engines.generate(definition, request, signal),
    dispose: () => engines.users.clear(),
  })
  return {
    provider,
    model: define('toy', 'a'),
    sibling: define('sibling', 'a'),
    other: define('other', 'b'),
    missing: define('missing', 'c'),
    async crash({ engineKey }) {
      provider.lose({ engineKey, cause: 'crashed', detail: 'scripted' })
      engines.end(engineKey)
    },
    hasEngines: async () => engines.users.size > 0,
  }
}

/** Abilities of engines that the toy has not: a story needs none of them. */
const LACKS: ReadonlyMap<ProviderAbility, string> = new Map([
  ['stall', 'it has no process that could be stopped'],
  ['slots', 'it says all answers at once'],
  ['schema', 'it says the alphabet, whatever is asked for'],
  ['tools', 'it says the alphabet, whatever is asked for'],
  ['logprobs', 'it has no other letters to choose from'],
  ['completions', 'it has no template that could be left out'],
  ['states', 'what it holds is the text of a prompt, and no file is made of it'],
])

const isBeyond = ({ needs = [] }: ContractCheck): boolean => needs.some((ability) => LACKS.has(ability))

for (const { promise, run } of PROVIDER_CONTRACT.filter((check) => !isBeyond(check)))
  test(promise, () => run(subject()))

test('what the toy is not judged by is what needs one of these abilities, and nothing else', () => {
  const beyond = PROVIDER_CONTRACT.filter(isBeyond)
  expect(new Set(beyond.flatMap(({ needs = [] }) => needs))).toEqual(
    new Set([...LACKS.keys(), 'prefix-reuse', 'counting']),
  )
  expect(beyond).toHaveLength(16)
})
