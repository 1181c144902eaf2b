import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { Daemon } from './daemon.ts'
import { placeSmollm2 } from './smollm2.ts'

/**
 * One daemon with the real model, and the folder that it has it from, for all tests of a file once they run.
 * @param yaml its `grym.yaml`; default: none.
 */
export function smollm2Daemon(yaml?: string): { readonly daemon: () => Daemon; readonly models: () => string } {
  let models = ''
  let daemon: Daemon | undefined
  beforeAll(async () => {
    models = await mkdtemp(join(tmpdir(), 'grym-models-'))
    await placeSmollm2(models)
    const config = join(models, 'grym.yaml')
    if (yaml !== undefined) await writeFile(config, yaml)
    daemon = await Daemon.start({ models, flags: yaml === undefined ? [] : ['--config', config] })
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
