import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { faultsIn } from '../../test/support/conversations.ts'
import { TemporaryFolder } from '../../test/support/system-ground.ts'
import { ConversationStore } from './conversation-store.ts'

/** Talks in five conversations and says after each call what must be there from then on. */
function talker(path: string): string {
  const module = JSON.stringify(new URL('conversation-store.ts', import.meta.url).href)
  return `
    const { ConversationStore } = await import(${module})
    const store = await ConversationStore.open({ path: ${JSON.stringify(path)} })
    const say = (conversationId, text) => process.stdout.write(JSON.stringify({ conversationId, text }) + '\\n')
    const start = Date.now()
    const chats = Array.from({ length: 5 }, () => [])
    for (let i = 1; ; i++) {
      const chat = chats[i % 5]
      const explicitId = i % 5 === 0 ? 'named' + start : undefined
      if (chat.length > 20) chat.splice(i % 20)
      const text = 'question ' + start + '/' + i
      chat.push({ role: 'user', content: text })
      const turn = { owner: 'local', messages: chat, modelId: 'tiny', atMs: start + i, explicitId }
      // By itself, and together with what comes at the same time.
      const begun = i % 7 === 0 ? await store.together(() => store.begin(turn)) : store.begin(turn)
      say(begun.conversationId, text)
      const message = { role: 'assistant', content: 'answer ' + start + '/' + i + 'x'.repeat(i % 3_000) }
      const answer = { message, modelId: 'tiny', outcome: 'ok', atMs: start + i }
      if (i % 3 === 0) await store.together(() => store.finish(begun, answer))
      else store.finish(begun, answer)
      say(begun.conversationId, message.content)
      chat.push(message)
      if (i % 20 === 0) await new Promise(setImmediate)
    }`
}

test('kill -9 at any moment loses nothing that was acknowledged', { timeout: 120_000 }, async () => {
  await using folder = await TemporaryFolder.make()
  const path = folder.at('conversations.db')
  for (const waitFor of [1, 33, 250, 900]) {
    const child = spawn(process.execPath, ['--input-type=module', '-e', talker(path)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let said = ''
    for await (const part of child.stdout) {
      said += String(part)
      if (said.split('\n').length > waitFor) child.kill('SIGKILL')
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    const acknowledged = said
      .slice(0, said.lastIndexOf('\n'))
      .split('\n')
      .map((line) => JSON.parse(line) as { conversationId: string; text: string })
    expect(acknowledged.length).toBeGreaterThanOrEqual(waitFor)

    expect(await faultsIn(path)).toEqual([])
    using store = await ConversationStore.open({ path })
    const kept = new Set<string>()
    for (const { id } of await store.list({ limit: 10_000 })) {
      for (const { content } of (await store.get(id)).messages) kept.add(content)
    }
    expect(acknowledged.filter(({ text }) => !kept.has(text))).toEqual([])
    const ids = new Set((await store.list({ limit: 10_000 })).map(({ id }) => id))
    expect(acknowledged.filter(({ conversationId }) => !ids.has(conversationId))).toEqual([])
  }
})
