import { expect, test } from 'vitest'
import type { FoundGpu, GpuReader } from './gpu-reader.ts'
import { VisibleGpus } from './visible-gpus.ts'

const GPUS = ['GPU-aa11', 'GPU-bb22', 'GPU-cc33'].map((uuid): FoundGpu => {
  return { name: uuid, uuid, vendor: 'nvidia', totalBytes: 1, usedBytes: 0, isShared: false, source: 'nvidia-smi' }
})
const READER: GpuReader = { source: 'nvidia-smi', scan: async () => ({ state: 'read', gpus: GPUS }) }

async function seen(visible: string | undefined): Promise<string[]> {
  const scan = await new VisibleGpus(READER, visible).scan()
  return scan.state === 'read' ? scan.gpus.map(({ name }) => name) : [scan.state]
}

test.each([
  [undefined, ['GPU-aa11', 'GPU-bb22', 'GPU-cc33']],
  ['1', ['GPU-bb22']],
  [' 2, 0', ['GPU-aa11', 'GPU-cc33']],
  ['GPU-cc33', ['GPU-cc33']],
  ['GPU-b', ['GPU-bb22']],
  ['0,9,1', ['GPU-aa11']],
  ['', ['absent']],
  ['-1', ['absent']],
  ['MIG-1', ['absent']],
])('%j', async (visible, names) => {
  expect(await seen(visible)).toEqual(names)
})

test('a reader that found nothing is left as it is', async () => {
  const failed = { state: 'failed', why: 'no driver' } as const
  const reader: GpuReader = { source: 'nvidia-smi', scan: async () => failed }
  expect(await new VisibleGpus(reader, '0').scan()).toBe(failed)
})
