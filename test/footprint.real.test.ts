import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openCatalog } from '../src/app/compose.ts'
import { resolveConfig } from '../src/config/config.ts'
import { readEnvironment } from '../src/config/environment.ts'
import type { ModelStatus } from '../src/spec/status.ts'
import { prepareFolders } from '../src/system/folders.ts'
import { Daemon } from './support/daemon.ts'
import { placeSmollm2 } from './support/smollm2.ts'

/*
 * What a model will take is said before it is loaded, and is true within 5 %, measured after its first answer, when
 * all of its buffers are in use. Each daemon has a fresh state folder, so nothing is learned.
 */

test.each([2_048, 4_096, 8_192])(
  'the estimate for a context of %i tokens is right to a twentieth',
  async (contextTokens) => {
    const home = await mkdtemp(join(tmpdir(), 'grym-footprint-'))
    onTestFinished(() => rm(home, { recursive: true, force: true }))
    const models = join(home, 'models')
    await placeSmollm2(models)
    const config = resolveConfig({ env: readEnvironment(), flags: { '--context': contextTokens } })
    const { catalog } = await openCatalog(config, await prepareFolders(home))
    const { estimate } = await catalog.resolve('smollm2')
    expect(estimate.source).toBe('estimated')
    const estimatedBytes = estimate.weightsBytes + estimate.contextBytes + estimate.processBytes

    await using daemon = await Daemon.start({ home, flags: ['--context', String(contextTokens)] })
    const loaded = await daemon.client.load('smollm2')
    await daemon.ask('smollm2', 'What is the capital of France?', { max_tokens: 16 })
    const readModel = async (): Promise<Partial<ModelStatus>> => (await daemon.client.status()).models[0] ?? {}
    // Measured again right after the first answer; two readings of a whole process are never equal to the byte.
    await expect.poll(async () => (await readModel()).footprintBytes).not.toBe(loaded.footprintBytes)
    const { footprintBytes = 0, footprintSource } = await readModel()
    expect(footprintSource).toBe('measured')
    const errorPercent = (100 * (estimatedBytes - footprintBytes)) / footprintBytes
    expect(Math.abs(errorPercent), `estimated ${estimatedBytes}, measured ${footprintBytes}`).toBeLessThan(5)
  },
)
