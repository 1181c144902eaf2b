import fc from 'fast-check'
import { expect, test } from 'vitest'
import { assistant, faultsIn, turn, user } from '../../test/support/conversations.ts'
import { TemporaryFolder } from '../../test/support/system-ground.ts'
import type { ChatMessage } from '../spec/chat.ts'
import type { BegunTurn } from '../spec/conversations.ts'
import { ConversationStore } from './conversation-store.ts'

/*
 * What a client knows of its conversations, against what the store keeps. Few texts and few owners, so that openings,
 * edits and answers meet all the time.
 */

type Step =
  | { readonly do: 'ask'; readonly from: number; readonly keep: number; readonly text: string; readonly name: number }
  | { readonly do: 'answer'; readonly which: number; readonly text: string }
  | { readonly do: 'delete'; readonly which: number }
  | { readonly do: 'reopen' }

const OWNERS = ['local', 'a'.repeat(64), 'b'.repeat(64)]
const NAMES = [undefined, undefined, undefined, 'one', 'two']
const text = fc.constantFrom('x', 'y', 'z')
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('ask' as const),
      from: fc.nat(),
      keep: fc.nat(6),
      text,
      name: fc.nat(NAMES.length - 1),
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('answer' as const), which: fc.nat(), text }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('delete' as const), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reopen' as const) }) },
)

interface Pending {
  readonly owner: string
  readonly begun: BegunTurn
  readonly messages: readonly ChatMessage[]
}

/** Ways through the tree that must be readable as a conversation or as the beginning of one. */
class Client {
  readonly path: string
  store: ConversationStore
  readonly pending: Pending[] = []
  /** What each conversation must read as. */
  readonly expected = new Map<string, { readonly owner: string; readonly texts: readonly string[] }>()
  #atMs = 0

  constructor(path: string, store: ConversationStore) {
    this.path = path
    this.store = store
  }

  async take(next: Step, owner: string): Promise<void> {
    if (next.do === 'ask') return this.#ask(next, owner)
    if (next.do === 'answer') return this.#answer(next)
    if (next.do === 'delete') return this.#delete(next)
    this.store.close()
    this.store = await ConversationStore.open({ path: this.path })
  }

  /** Part of some known conversation of this owner, and a new message of a person. */
  #ask({ from, keep, text: content, name }: Extract<Step, { do: 'ask' }>, owner: string): void {
    const own = [...this.expected.values()].filter((each) => each.owner === owner)
    const history = own[from % Math.max(1, own.length)]?.texts.slice(0, keep) ?? []
    const messages = [...history.map(toMessage), toMessage(`u${content}`)]
    const explicitId = NAMES[name]
    const begun = this.store.begin(turn(messages, { owner, atMs: ++this.#atMs, ...(explicitId && { explicitId }) }))
    this.pending.push({ owner, begun, messages })
  }

  #answer({ which, text: content }: Extract<Step, { do: 'answer' }>): void {
    const [taken] = this.pending.splice(which % Math.max(1, this.pending.length), 1)
    if (!taken) return
    const message = toMessage(`a${content}`)
    this.store.finish(taken.begun, { message, modelId: 'tiny', outcome: 'ok', atMs: ++this.#atMs })
  }

  async #delete({ which }: Extract<Step, { do: 'delete' }>): Promise<void> {
    const ids = [...this.expected.keys()]
    const id = ids[which % Math.max(1, ids.length)]
    if (id !== undefined) await this.store.delete(id)
  }

  /** Every way that a conversation showed before, by owner. */
  async look(): Promise<ReadonlyMap<string, { readonly owner: string; readonly texts: readonly string[] }>> {
    const all = await this.store.list({ limit: 10_000 })
    const kept = await Promise.all(all.map(({ id }) => this.store.get(id)))
    for (const { messageCount, bytes, messages } of kept) {
      expect(messageCount).toBe(messages.length)
      expect(bytes).toBe(messages.reduce((sum, { content }) => sum + Buffer.byteLength(content), 0))
    }
    return new Map(
      kept.map(({ id, owner, messages }) => [id, { owner, texts: messages.map(({ content }) => content) }]),
    )
  }
}

function toMessage(content: string): ChatMessage {
  return content.startsWith('u') ? user(content) : assistant(content)
}

function isBeginning(part: readonly string[], whole: readonly string[]): boolean {
  return part.every((each, index) => whole[index] === each)
}

test('property: whatever clients do, nobody loses text, nobody gets another owner’s, and the tree is whole', async () => {
  const steps = fc.array(fc.tuple(step, fc.constantFrom(...OWNERS)), { minLength: 1, maxLength: 40 })
  await fc.assert(
    fc.asyncProperty(steps, async (list) => {
      await using folder = await TemporaryFolder.make()
      const path = folder.at('conversations.db')
      const client = new Client(path, await ConversationStore.open({ path }))
      try {
        for (const [next, owner] of list) {
          const before = new Map(client.expected)
          const pendingBefore = [...client.pending]
          await client.take(next, owner)
          const after = await client.look()
          const ways = [...after.values()]
          const isKept = (ownedBy: string, texts: readonly string[]): boolean =>
            ways.some((way) => way.owner === ownedBy && isBeginning(texts, way.texts))

          // 1. what could be read can be read, but for the one that was deleted
          const gone = [...before].filter(([id]) => !after.has(id))
          for (const [id, way] of before) {
            if (next.do !== 'delete' || after.has(id)) expect(isKept(way.owner, way.texts), id).toBe(true)
          }
          if (next.do === 'delete') expect(gone).toHaveLength(Math.min(1, before.size))
          // 2. a request reads back exactly as its conversation
          const asked = client.pending.find((each) => !pendingBefore.includes(each))
          if (asked) {
            const way = after.get(asked.begun.conversationId)
            expect(way).toEqual({ owner: asked.owner, texts: asked.messages.map(({ content }) => content) })
          }
          // 3. an answer to a conversation that is still there is kept
          const answered = pendingBefore.find((each) => !client.pending.includes(each))
          if (answered && next.do === 'answer' && before.has(answered.begun.conversationId)) {
            const texts = [...answered.messages.map(({ content }) => content), `a${next.text}`]
            const wasThere = [...before.values()].some(
              (way) => way.owner === answered.owner && isBeginning(texts.slice(0, -1), way.texts),
            )
            if (wasThere) expect(isKept(answered.owner, texts)).toBe(true)
          }
          // 4. the file counts right and holds nothing that nobody needs
          expect(await faultsIn(path)).toEqual([])
          client.expected.clear()
          for (const [id, way] of after) client.expected.set(id, way)
        }
      } finally {
        client.store.close()
      }
    }),
    { numRuns: 40 },
  )
}, 120_000)
