import fc from 'fast-check'
import { expect, test } from 'vitest'
import { systemText } from '../../test/support/system-ground.ts'
import { parseNvidiaGpus, parseNvidiaProcesses } from './nvidia-smi.ts'

const MIB = 1_048_576

test('recorded GPUs: what is not free is in use, what the driver keeps back too', () => {
  const columns =
    'index,uuid,utilization.gpu,memory.total,memory.used,memory.free,driver_version,name,gpu_serial,power.draw,power.limit,temperature.gpu,timestamp'
  const { gpus, untold } = parseNvidiaGpus(systemText('nvidia-smi-gpus.txt'), columns.split(','))
  const base = { name: 'NVIDIA A800-SXM4-80GB', vendor: 'nvidia', isShared: false, source: 'nvidia-smi' }
  const bytes = (freeMib: number): object => ({ totalBytes: 81_920 * MIB, usedBytes: (81_920 - freeMib) * MIB })
  expect(gpus).toEqual([
    { ...base, ...bytes(81_226), uuid: 'GPU-fd189414-e0f6-58a0-7031-fefe0ce43b1d' },
    { ...base, ...bytes(81_226), uuid: 'GPU-121ebc1f-3e5d-139d-7aac-57311d5bafc7' },
    { ...base, ...bytes(6_399), uuid: 'GPU-105ee81f-dddd-aaf0-2e30-ca1593fdbf18' },
  ])
  expect(untold).toEqual([])
})

test('recorded processes have their memory by GPU', () => {
  const columns = 'timestamp,gpu_name,gpu_uuid,pid,name,used_memory'.split(',')
  expect(parseNvidiaProcesses(systemText('nvidia-smi-processes.txt'), columns)).toEqual([
    { pid: 44_141, uuid: 'GPU-67fc57fc-34ad-4126-2f66-0b8d29144c75', usedBytes: 74_736 * MIB },
  ])
})

test('a recorded GPU that shares the RAM tells no memory, and is no GPU of 0 bytes', () => {
  const columns = 'memory.total,memory.used,memory.free,utilization.gpu,power.draw,temperature.gpu'.split(',')
  expect(parseNvidiaGpus(systemText('nvidia-smi-unified.txt'), columns)).toEqual({ gpus: [], untold: ['NVIDIA GPU'] })
})

test.each(['nvidia-smi-mismatch.txt', 'nvidia-smi-no-driver.txt'])('%s names no GPU', (file) => {
  expect(parseNvidiaGpus(systemText(file))).toEqual({ gpus: [], untold: [] })
  expect(parseNvidiaProcesses(systemText(file))).toEqual([])
})

test('the answer to our own question', () => {
  const { gpus } = parseNvidiaGpus('0, GPU-1, NVIDIA L4, 23034, 200, 22500\n')
  expect(gpus).toEqual([
    {
      name: 'NVIDIA L4',
      vendor: 'nvidia',
      totalBytes: 23_034 * MIB,
      usedBytes: 534 * MIB,
      isShared: false,
      source: 'nvidia-smi',
      uuid: 'GPU-1',
    },
  ])
})

test.each([
  ['of a GPU that was divided', '0, GPU-1, NVIDIA H100, [Insufficient Permissions], [N/A], [N/A]'],
  ['in part', '0, GPU-1, NVIDIA H100, 81559, [N/A], [N/A]'],
  ['as nothing', '0, GPU-1, NVIDIA H100, 0, 0, 0'],
])('memory that is not told, %s, is named and not counted', (_, line) => {
  expect(parseNvidiaGpus(`${line}\n`)).toEqual({ gpus: [], untold: ['NVIDIA H100'] })
})

test('where only the used part is told, it is that', () => {
  const { gpus } = parseNvidiaGpus('0, , NVIDIA K80, 11441, 63, [N/A]')
  expect(gpus).toMatchObject([{ usedBytes: 63 * MIB }])
  expect(gpus[0]).not.toHaveProperty('uuid')
})

test('a process whose memory is not told is left out', () => {
  const text = '524, GPU-1, [Insufficient Permissions]\n12, GPU-1, [N/A]\n13, GPU-1, 4435\n'
  expect(parseNvidiaProcesses(text)).toEqual([{ pid: 13, uuid: 'GPU-1', usedBytes: 4_435 * MIB }])
})

test('whatever is printed, a GPU never uses more than it has', () => {
  const field = fc.oneof(fc.nat(200_000).map(String), fc.constantFrom('[N/A]', '', 'x'), fc.string())
  fc.assert(
    fc.property(fc.array(fc.array(field, { minLength: 6, maxLength: 6 })), (rows) => {
      const { gpus } = parseNvidiaGpus(rows.map((row) => row.join(', ')).join('\n'))
      for (const { usedBytes, totalBytes } of gpus) {
        expect(usedBytes).toBeGreaterThanOrEqual(0)
        expect(usedBytes).toBeLessThanOrEqual(totalBytes)
      }
    }),
  )
})
