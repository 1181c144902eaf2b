import { execFileSync } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { TemporaryFolder } from '../../../../test/support/system-ground.ts'

const MODULE = new URL('./binary-trial.ts', import.meta.url).href

/** What a fresh process finds that asks for the trial as node-llama-cpp does, and then opens its binary or does not. */
function trialWith(folder: string | undefined, isOpened = true): string {
  const code = `
    import { tryBinaryOnce } from ${JSON.stringify(MODULE)}
    const opened = tryBinaryOnce(${JSON.stringify(folder)})
    const found = await import('./utils/testBindingBinary.js').catch((error) => ({ testBindingBinary: () => error.code }))
    console.log(await found.testBindingBinary())
    if (${isOpened}) opened()`
  const options = { cwd: import.meta.dirname, encoding: 'utf8' } as const
  return execFileSync(process.execPath, ['--input-type=module', '-e', code], options).trim()
}

/** There is no such module here: it was asked for. */
const TRIED = 'ERR_MODULE_NOT_FOUND'

test('a binary is tried until it was opened once', async () => {
  await using folder = await TemporaryFolder.make()
  expect(trialWith(folder.path, false)).toBe(TRIED)
  expect(await readdir(folder.path)).toEqual([])
  expect(trialWith(folder.path)).toBe(TRIED)
  expect(await readdir(folder.path)).toEqual([expect.stringMatching(/^engine-opened-[0-9a-f]{16}$/)])
  expect(trialWith(folder.path)).toBe('true')
})

test('without a place for the note it is tried each time', async () => {
  await using folder = await TemporaryFolder.make()
  for (const place of [undefined, folder.at('missing')]) {
    expect(trialWith(place)).toBe(TRIED)
    expect(trialWith(place)).toBe(TRIED)
  }
})

test('the library asks for its trial by this name', async () => {
  const entry = new URL(import.meta.resolve('node-llama-cpp'))
  expect(await readFile(new URL('bindings/getLlama.js', entry), 'utf8')).toContain('./utils/testBindingBinary.js')
})
