import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { EmbeddedGround, localModel } from '../../../test/support/embedded-ground.ts'
import { FolderStateCache } from '../../../test/support/folder-state-cache.ts'
import { smollm2 } from '../../../test/support/smollm2.ts'
import type { ChatMessage, GenerateEnd } from '../../spec/chat.ts'
import { fileSha256 } from '../../system/file-digest.ts'

/* The real model: a conversation goes on after its model was unloaded as it would have, and is not read again. */

let folder = ''
let cache: FolderStateCache
let ground: EmbeddedGround

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'grym-states-'))
  cache = new FolderStateCache(folder)
  const paths = new Map([['smollm2', await smollm2()]])
  ground = new EmbeddedGround(folder, paths, { cores: 2, stateCache: cache, digestOf: fileSha256 })
})

afterEach(async () => {
  await ground.provider.dispose()
  await rm(folder, { recursive: true, force: true })
})

async function say(messages: readonly ChatMessage[]): Promise<{ text: string; end: GenerateEnd }> {
  const request = {
    ...{ messages, sampling: { temperature: 0 }, maxTokens: 24, stop: [] },
    stateOwner: { owner: 'local', conversationId: 'c1' },
  }
  let text = ''
  for await (const chunk of ground.provider.generate('smollm2', request, new AbortController().signal)) {
    if (chunk.type === 'end') return { text, end: chunk }
    if (chunk.type === 'text') text += chunk.text
  }
  throw new Error('no end')
}

test('a conversation goes on token for token after its model was unloaded, from its saved state', async () => {
  const { provider } = ground
  const load = (): Promise<unknown> => provider.load(localModel('smollm2', 's', 1_024), new AbortController().signal)
  const question = `Repeat after me: ${'the river runs past the mill and into the sea, '.repeat(20)} and then?`
  const first: ChatMessage[] = [{ role: 'user', content: question }]
  await load()
  const { text } = await say(first)
  const saved = await provider.states?.save('smollm2', 'unload')
  const second: ChatMessage[] = [
    ...first,
    { role: 'assistant', content: text },
    { role: 'user', content: 'And what runs past the mill?' },
  ]
  const warm = await say(second)
  await provider.unload('smollm2')
  await load()
  const back = await say(second)
  expect(back.text).toBe(warm.text)
  expect(back.end.usage.cachedTokens).toBe(warm.end.usage.cachedTokens)
  expect(back.end.restored).toMatchObject({ tokens: back.end.usage.cachedTokens })
  expect(back.end.restored?.tokens).toBeGreaterThan((saved?.[0]?.tokens ?? Infinity) - 4)
  // Read again it would have taken longer: by far here, by how much is the benchmark's to say.
  expect(back.end.restored?.savedMs).toBeGreaterThan(0)
  expect(cache.gains).toEqual([back.end.restored])
})
