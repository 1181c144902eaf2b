import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { Daemon } from './daemon.ts'
import { placeSmollm2 } from './smollm2.ts'

/** One daemon with the real model, and the folder that it has it from, for all tests of a file once they run. */
export function smollm2Daemon(): { readonly daemon: () => Daemon; readonly models: () => string } {
  let models = ''
  let daemon: Daemon | undefined
  beforeAll(async () => {
    models = await mkdtemp(join(tmpdir(), 'grym-models-'))
    await placeSmollm2(models)
    daemon = await Daemon.start({ models })
  })
  afterAll(async () => {
    await daemon?.[Symbol.asyncDispose]()
    await rm(models, { recursive: true, force: true })
  })
  return {
    daemon: () => {
      if (!daemon) throw new Error('the daemon is there while tests run')
      return daemon
    },
    models: () => models,
  }
}
