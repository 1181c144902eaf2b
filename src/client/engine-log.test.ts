import { afterAll, beforeAll, expect, test } from 'vitest'
import { ServedManager } from '../../test/support/served-manager.ts'
import { GrymClient } from './grym-client.ts'

let served: ServedManager

beforeAll(async () => {
  served = await ServedManager.start()
})

afterAll(() => served[Symbol.asyncDispose]())

test.each([['server:qwen'], [undefined]])('the log of %j’s engine comes to the client', async (model) => {
  const log = await new GrymClient(served.url).engineLog(model)
  expect(log).toEqual({ modelId: model ?? 'default', lines: ['one', 'two'] })
  expect(served.services.calls.at(-1)).toEqual(['logs', model])
})
