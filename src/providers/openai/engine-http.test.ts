import { expect, test } from 'vitest'
import { ScriptedUpstream } from '../../../test/support/scripted-upstream.ts'
import { SystemClock } from '../../system/system-clock.ts'
import { EngineHttp } from './engine-http.ts'

test('a question for the status that is given up is no failure, whatever the reason is', async () => {
  const leaving = new AbortController()
  await using server = await ScriptedUpstream.start(() => leaving.abort('a reason that is no error'))
  const http = new EngineHttp({ engine: 'the engine', clock: new SystemClock() })
  expect(await http.status(server.url, 10_000, leaving.signal)).toBeUndefined()
  expect(await http.status(server.url, 10_000, leaving.signal)).toBeUndefined()
  await http.close()
})
