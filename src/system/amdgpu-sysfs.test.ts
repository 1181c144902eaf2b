import { expect, test } from 'vitest'
import { TemporaryFolder } from '../../test/support/system-ground.ts'
import { AmdgpuSysfs } from './amdgpu-sysfs.ts'
import type { FoundGpu } from './gpu-reader.ts'

const DRM = 'sys/class/drm'

async function scan(files: Readonly<Record<string, string>>): Promise<readonly FoundGpu[] | string> {
  await using folder = await TemporaryFolder.make(
    Object.fromEntries(Object.entries(files).map(([path, text]) => [`${DRM}/${path}`, text])),
  )
  const found = await new AmdgpuSysfs(folder.path).scan()
  return found.state === 'read' ? found.gpus : found.state
}

/** The head of `gpu_metrics`: size of the table, its format, its version. */
function metrics(format: number): string {
  return String.fromCharCode(120, 0, format, 3)
}

test('recorded figures of a card', async () => {
  const gpus = await scan({
    'card0/device/mem_info_vram_total': '8573157376\n',
    'card0/device/mem_info_vram_used': '6812925952\n',
    'card0/device/mem_info_gtt_total': '16000000000\n',
    'card0/device/mem_info_gtt_used': '1000\n',
    'card0/device/device': '0x67df\n',
  })
  const [totalBytes, usedBytes] = [8_573_157_376, 6_812_925_952]
  expect(gpus).toEqual([
    { name: 'AMD GPU 0x67df', vendor: 'amd', totalBytes, usedBytes, isShared: false, source: 'amdgpu' },
  ])
})

test('recorded figures of a GPU in a processor: the little it was given is full, and is not all it has', async () => {
  const files = {
    'card1/device/mem_info_vram_total': '536870912\n',
    'card1/device/mem_info_vram_used': '507244544\n',
    'card1/device/mem_info_gtt_total': '128849018880\n',
    'card1/device/mem_info_gtt_used': '0\n',
  }
  const shared = { totalBytes: 536_870_912 + 128_849_018_880, usedBytes: 507_244_544, isShared: true }
  expect(await scan(files)).toMatchObject([shared])
  expect(await scan({ ...files, 'card1/device/gpu_metrics': metrics(3) })).toMatchObject([shared])
})

test.each([
  [1, false],
  [2, true],
  [3, true],
])('a table of metrics of format %d decides, whatever the size', async (format, isShared) => {
  const gpus = await scan({
    'card0/device/mem_info_vram_total': '4294967296',
    'card0/device/mem_info_vram_used': '4200000000',
    'card0/device/mem_info_gtt_total': '103079215104',
    'card0/device/mem_info_gtt_used': '0',
    'card0/device/gpu_metrics': metrics(format),
    'card0/device/product_name': 'Radeon\n',
  })
  expect(gpus).toMatchObject([{ name: 'Radeon', isShared }])
})

test('cards come in the order of their numbers, and what is no card of AMD is left out', async () => {
  const card = (bytes: number): Record<string, string> => ({ mem_info_vram_total: `${bytes}`, mem_info_vram_used: '0' })
  const files: Record<string, string> = { 'card0/device/vendor': '0x10de', 'card1-HDMI-A-1/status': 'connected' }
  for (const [name, bytes] of [['card10', 3e9] as const, ['card2', 2e9] as const, ['renderD128', 5e9] as const]) {
    for (const [file, text] of Object.entries(card(bytes))) files[`${name}/device/${file}`] = text
  }
  expect(await scan(files)).toMatchObject([{ totalBytes: 2e9 }, { totalBytes: 3e9 }])
})

test.each([
  ['no such folder', {}],
  ['no figures', { 'card0/device/mem_info_vram_total': '\n', 'card0/device/mem_info_vram_used': 'x\n' }],
  ['only half of them', { 'card0/device/mem_info_vram_total': '8573157376\n' }],
])('%s: there is none', async (_, files) => {
  expect(await scan(files)).toBe('absent')
})
