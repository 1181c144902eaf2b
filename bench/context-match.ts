import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ConversationStore } from '../src/context/conversation-store.ts'
import type { ChatMessage } from '../src/spec/chat.ts'
import { median, Report } from './report.ts'

/*
 * How long it takes to find the conversation that a request continues, among 100,000 of 2 to 20 messages: hashing all
 * messages of the request, and the lookups. About a minute, most of it filling the store.
 */

const CONVERSATIONS = 100_000
const OPENED_FOR = 500
const SAMPLES = 5_000
/** A tenth of all answers is this long, the rest a line. */
const LONG_CHARACTERS = 2_000
const OWNER = 'f'.repeat(64)

const report = new Report()
const folder = await mkdtemp(join(tmpdir(), 'grym-bench-'))
try {
  const path = join(folder, 'conversations.db')
  for (let from = 0; from < CONVERSATIONS; from += OPENED_FOR) {
    // Closing moves the log into the file; without a pause in the work it would only grow.
    using filling = await ConversationStore.open({ path })
    for (let i = from; i < from + OPENED_FOR; i++) fill(filling, i)
  }
  using store = await ConversationStore.open({ path })
  const matchMs: number[] = []
  const beginMs: number[] = []
  for (let sample = 0; sample < SAMPLES; sample++) {
    const i = (sample * 7_919) % CONVERSATIONS
    const request = { owner: OWNER, modelId: 'tiny', atMs: CONVERSATIONS, messages: [...talk(i), user('And then?')] }
    const startedAtMs = performance.now()
    const { match } = store.match(request)
    matchMs.push(performance.now() - startedAtMs)
    if (match !== 'continued') throw new Error(`conversation ${i} was not found: ${match}`)
  }
  for (let sample = 0; sample < SAMPLES; sample++) {
    const messages = [...talk((sample * 7_919) % CONVERSATIONS), user('And then?')]
    const startedAtMs = performance.now()
    store.begin({ owner: OWNER, modelId: 'tiny', atMs: CONVERSATIONS, messages })
    beginMs.push(performance.now() - startedAtMs)
  }
  const { conversations, messages, bytes } = store.totals()
  const fileBytes = (await stat(path)).size
  const note =
    `p99 ${percentile(matchMs, 0.99)} ms, n=${SAMPLES}; stored too: median ${median(beginMs).toFixed(3)} ms, ` +
    `p99 ${percentile(beginMs, 0.99)} ms; ${conversations} conversations, ${messages} messages counted as ${bytes} bytes ` +
    `in a file of ${fileBytes}; must ≤ 1`
  report.add({ metric: 'context.match_ms', value: median(matchMs), unit: 'ms', note })
} finally {
  await rm(folder, { recursive: true, force: true })
}

/** One call a conversation: as if its client came with its whole history. */
function fill(store: ConversationStore, i: number): void {
  const messages = talk(i)
  const answer = messages.at(-1)
  if (!answer) return
  const begun = store.begin({ owner: OWNER, modelId: 'tiny', atMs: i, messages: messages.slice(0, -1) })
  store.finish(begun, { message: answer, modelId: 'tiny', outcome: 'ok', atMs: i })
}

/** The same each time; a fifth of all begins with the same question. */
function talk(i: number): ChatMessage[] {
  const opening = i % 5 === 0 ? 'Hello, who are you?' : `Question ${i}: what does this program print?`
  const messages: ChatMessage[] = [user(opening)]
  for (let round = 1; round <= 1 + (i % 10); round++) {
    if (round > 1) messages.push(user(`${i}: and in round ${round}?`))
    const length = (i + round) % 10 === 0 ? LONG_CHARACTERS : 100
    messages.push({ role: 'assistant', content: `${i}: answer ${round} `.padEnd(length, 'lorem ipsum ') })
  }
  return messages
}

function user(content: string): ChatMessage {
  return { role: 'user', content }
}

function percentile(values: readonly number[], share: number): string {
  const sorted = values.toSorted((a, b) => a - b)
  return (sorted[Math.floor(sorted.length * share)] ?? 0).toFixed(3)
}
