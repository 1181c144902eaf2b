import { expect, test } from 'vitest'
import { serverModel } from '../../../test/support/server-ground.ts'
import { TemporaryFolder } from '../../../test/support/system-ground.ts'
import type { ServerEntries } from '../../spec/server-settings.ts'
import { settingsPlan } from './settings-plan.ts'

test('a key is the first line of its file, and an empty one is refused, not sent', async () => {
  await using folder = await TemporaryFolder.make({ key: 'k3y \nold', empty: ' \nk3y' })
  const keyOf = async (file: string): Promise<string | undefined> => {
    const key = { kind: 'file', path: folder.at(file) } as const
    const entries: ServerEntries = { a: { kind: 'remote', url: 'http://h.test/v1', engine: 'auto', key } }
    return (await settingsPlan({ entries, keys: {}, environment: {} }, serverModel('a', 'a.gguf'))).key
  }
  expect(await keyOf('key')).toBe('k3y')
  const message = expect.stringMatching(/empty.*keyFile/) as unknown
  await expect(keyOf('empty')).rejects.toMatchObject({ reason: 'server-start-failed', message })
  await expect(keyOf('absent')).rejects.toMatchObject({ reason: 'server-start-failed' })
})
