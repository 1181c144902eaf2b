import { chmod, symlink, writeFile } from 'node:fs/promises'
import { delimiter } from 'node:path'
import { expect, test } from 'vitest'
import { tinyGguf } from '../src/testing/tiny-gguf.ts'
import { Daemon } from './support/daemon.ts'
import { gpuUnderTest } from './support/gpu-ground.ts'
import { TemporaryFolder } from './support/system-ground.ts'

const gpu = gpuUnderTest()

/** Nothing reads the memory of a device in software: a program by the name of NVIDIA's says that it has 2 GiB. */
const NVIDIA_SMI = `#!/bin/sh
case "$*" in *query-gpu*) echo '0, GPU-11111111-2222-3333-4444-555555555555, Software GPU, 2048, 0, 2048' ;; esac
`

test('a daemon finds the GPU and its engine, puts a model there, tells so, and answers from there', async () => {
  await using folder = await TemporaryFolder.make()
  const home = folder.at('home')
  await folder.write('home/models/tiny.gguf', '')
  await writeFile(folder.at('home/models/tiny.gguf'), tinyGguf({ isEndless: true }))
  await symlink(gpu.enginesFolder, folder.at('home/engines'))
  if (gpu.isSoftware) {
    await folder.write('bin/nvidia-smi', NVIDIA_SMI)
    await chmod(folder.at('bin/nvidia-smi'), 0o755)
    process.env['PATH'] = `${folder.at('bin')}${delimiter}${process.env['PATH'] ?? ''}`
  }
  await using daemon = await Daemon.start({ home, flags: ['--gpu', gpu.backend, '--default-model', 'tiny'] })
  expect((await daemon.client.status()).gpuBackend).toBe(gpu.backend)

  const answer = await daemon.ask('tiny', 'hi')
  expect(answer.status).toBe(200)
  expect(await answer.json()).toMatchObject({ usage: { completion_tokens: 4 } })
  const { models, gpuFault } = await daemon.client.status()
  expect(gpuFault).toBeNull()
  const placed = models.find(({ id }) => id === 'tiny')?.gpu
  expect(placed).toMatchObject({ backend: gpu.backend, layers: 3, ofLayers: 3, source: 'reported' })
  expect(placed?.shares.reduce((sum, { bytes }) => sum + bytes, 0)).toBeGreaterThan(400_000)
})
