import assert from 'node:assert/strict'
import type { ChatMessage, GenerateEnd } from '../spec/chat.ts'
import type { EngineLoss, StateAccess } from '../spec/provider.ts'
import type { StateOwner } from '../spec/restored-state.ts'
import {
  ask,
  type ContractCheck,
  type KeptStates,
  never,
  type ProviderUnderTest,
  read,
  text,
} from './contract-check.ts'

/** The part of the provider contract on KV states on disk: what is saved, for whom, and what becomes of it. */
export const KEPT_STATES: readonly ContractCheck[] = [
  {
    promise:
      'a conversation whose model was unloaded goes on from its saved state as if it had never left, and says so',
    needs: ['states', 'prefix-reuse'],
    async run(subject) {
      const { provider, model } = subject
      await provider.load(model, never())
      const first = await begin(subject)
      const saved = await statesOf(subject).save(model.id, 'unload')
      assert.deepEqual([saved.map(({ modelId }) => modelId), keptBy(subject).count()], [[model.id], 1])
      // Not a prompt that is read as a whole: other batches round differently.
      const warm = await goOn(subject)
      await reload(subject)
      const back = await goOn(subject)
      assert.equal(back.text, warm.text)
      const { restored, usage } = back.end
      assert.ok(restored, 'what was restored is told')
      assert.equal(restored.tokens, usage.cachedTokens)
      assert.equal(usage.cachedTokens, warm.end.usage.cachedTokens)
      assert.ok(restored.tokens >= first.usage.promptTokens - 1, 'all that was saved came back')
      assert.ok(restored.restoreMs >= 0 && (restored.savedMs === null || restored.savedMs >= 0))
    },
  },
  {
    promise: 'what was saved is not saved again, a move to the cache takes all of it, and by its name it fills a slot',
    needs: ['states', 'prefix-reuse'],
    async run(subject) {
      const { provider, model } = subject
      const states = statesOf(subject)
      await provider.load(model, never())
      const { usage } = await begin(subject)
      assert.equal((await states.save(model.id, 'unload')).length, 1)
      assert.deepEqual(await states.save(model.id, 'shutdown'), [])
      const moved = await states.save(model.id, 'cache')
      const [entry] = moved
      assert.ok(entry && moved.length === 1 && entry.tokens >= usage.promptTokens)
      await reload(subject)
      assert.equal(await states.restore(model.id, [entry.entryId, 'of no state']), entry.tokens)
      const { end } = await goOn(subject)
      assert.ok(end.restored, 'the first answer tells what that spared')
      assert.equal(end.restored.tokens, end.usage.cachedTokens)
      assert.ok(end.restored.tokens >= usage.promptTokens - 1)
    },
  },
  {
    promise: 'what was saved and is gone from the disk is saved again',
    needs: ['states', 'prefix-reuse'],
    async run(subject) {
      const { provider, model } = subject
      await provider.load(model, never())
      const { usage } = await begin(subject)
      assert.equal((await statesOf(subject).save(model.id, 'unload')).length, 1)
      await keptBy(subject).clear()
      assert.equal((await statesOf(subject).save(model.id, 'unload')).length, 1)
      await reload(subject)
      const { end } = await goOn(subject)
      assert.ok((end.restored?.tokens ?? 0) >= usage.promptTokens - 1)
      // Now the entry that it came from is gone.
      await keptBy(subject).clear()
      assert.equal((await statesOf(subject).save(model.id, 'shutdown')).length, 1)
    },
  },
  {
    promise:
      'nothing is saved of a slot that holds nothing, of a request without an owner, or of a model that is not there',
    needs: ['states'],
    async run(subject) {
      const { provider, model } = subject
      const states = statesOf(subject)
      assert.deepEqual(await states.save(model.id, 'unload'), [])
      await provider.load(model, never())
      for (const reason of ['unload', 'cache'] as const) assert.deepEqual(await states.save(model.id, reason), [])
      await begin(subject, null)
      for (const reason of ['unload', 'cache'] as const) assert.deepEqual(await states.save(model.id, reason), [])
      assert.equal(keptBy(subject).count(), 0)
    },
  },
  {
    promise: "another owner's states are never used",
    needs: ['states', 'prefix-reuse'],
    async run(subject) {
      const { provider, model } = subject
      await provider.load(model, never())
      await begin(subject)
      await statesOf(subject).save(model.id, 'unload')
      await reload(subject)
      const { end } = await goOn(subject, { owner: 'another', conversationId: 'theirs' })
      assert.deepEqual([end.restored, end.usage.cachedTokens, keptBy(subject).count()], [undefined, 0, 1])
    },
  },
  {
    promise: 'a damaged state is set aside instead of used: its conversation is read again, and the engine lives',
    needs: ['states', 'prefix-reuse'],
    async run(subject) {
      const { provider, model } = subject
      const losses: EngineLoss[] = []
      provider.onEngineLost((loss) => losses.push(loss))
      await provider.load(model, never())
      await begin(subject)
      await statesOf(subject).save(model.id, 'unload')
      await reload(subject)
      await keptBy(subject).damage()
      const { end } = await goOn(subject)
      assert.deepEqual([end.restored, end.usage.cachedTokens, keptBy(subject).count()], [undefined, 0, 0])
      await begin(subject)
      assert.deepEqual(losses, [])
    },
  },
]

const OWNER: StateOwner = { owner: 'local', conversationId: 'kept' }
/** Digits are one token each in most vocabularies: long enough to be worth a file, short enough for a small window. */
const QUESTION = Array.from({ length: 100 }, (_, place) => ((place * 7_919) % 101) % 10).join(' ')
const FIRST: readonly ChatMessage[] = [{ role: 'user', content: QUESTION }]
/** Begins with all of {@link FIRST} as a prompt, whatever the model answered: also what cannot be cut comes back then. */
const NEXT: readonly ChatMessage[] = [
  ...FIRST,
  { role: 'assistant', content: 'Well.' },
  { role: 'user', content: 'And then?' },
]

function statesOf({ provider }: ProviderUnderTest): StateAccess {
  assert.ok(provider.states, 'a provider that keeps states gives access to them')
  return provider.states
}

function keptBy({ keptStates }: ProviderUnderTest): KeptStates {
  assert.ok(keptStates, 'the check is given a hand on the states that are kept')
  return keptStates
}

/** Asks the first question. With one token to say, a slot holds the prompt and nothing else afterwards. */
async function begin(subject: ProviderUnderTest, owner: StateOwner | null = OWNER): Promise<GenerateEnd> {
  return (await say(subject, FIRST, 1, owner ?? undefined)).end
}

function goOn(subject: ProviderUnderTest, owner: StateOwner = OWNER): Promise<Said> {
  return say(subject, NEXT, 12, owner)
}

/** Without a save, and before one is made by itself. */
async function reload({ provider, model }: ProviderUnderTest): Promise<void> {
  await provider.unload(model.id)
  await provider.load(model, never())
}

interface Said {
  readonly text: string
  readonly end: GenerateEnd
}

async function say(
  { provider, model }: ProviderUnderTest,
  messages: readonly ChatMessage[],
  maxTokens: number,
  stateOwner: StateOwner | undefined,
): Promise<Said> {
  const request = { ...ask('', maxTokens), messages, ...(stateOwner && { stateOwner }) }
  const chunks = await read(provider.generate(model.id, request, never()))
  const end = chunks.at(-1)
  assert.ok(end?.type === 'end')
  return { text: text(chunks), end }
}
