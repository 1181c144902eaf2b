import { expect, test } from 'vitest'
import { ask, question } from './support/resume-question.ts'
import { smollm2Daemon } from './support/smollm2-daemon.ts'

/** About so many. */
const PROMPT_TOKENS = 1_000
/** How many times less has to be read after a restore. */
const LEAST_RATIO = 15

const { daemon } = smollm2Daemon()

test('after an unload a conversation goes on from disk: less than a 15th of it is read again', async () => {
  const { url, client } = daemon()
  const content = question(PROMPT_TOKENS, 1)
  await client.load('smollm2')
  const read = await ask(url, 'smollm2', content)
  // Said by the model that never left: the yardstick of what is said after a restore.
  const warm = await ask(url, 'smollm2', content)
  await client.unload('smollm2')
  await client.load('smollm2')
  const restored = await ask(url, 'smollm2', content)
  const ratio = read.firstTextMs / restored.firstTextMs
  process.stdout.write(
    `${read.promptTokens} tokens: read in ${Math.round(read.firstTextMs)} ms, ${restored.restoredTokens} restored in ${restored.restoreMs} ms, first token after ${Math.round(restored.firstTextMs)} ms: ${ratio.toFixed(1)} times faster\n`,
  )
  expect(read).toMatchObject({ restoredTokens: 0 })
  expect(read.promptTokens).toBeGreaterThan(0.8 * PROMPT_TOKENS)
  expect(restored.restoredTokens).toBeGreaterThan(0.9 * PROMPT_TOKENS)
  expect(read.promptTokens - read.cachedTokens).toBeGreaterThanOrEqual(
    LEAST_RATIO * (restored.promptTokens - restored.cachedTokens),
  )
  expect(restored.text).toBe(warm.text)
})
