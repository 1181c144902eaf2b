import fc from 'fast-check'
import { expect, test } from 'vitest'
import { systemText } from '../../test/support/system-ground.ts'
import { parseAmdSmi, parseRocmSmi } from './amd-tools.ts'

const MIB = 1_048_576

test('a recorded card of rocm-smi, with warnings before it or without', () => {
  const card = {
    name: 'Radeon RX 7900 XT',
    vendor: 'amd',
    totalBytes: 21_458_059_264,
    usedBytes: 27_856_896,
    isShared: false,
    source: 'rocm-smi',
  }
  const text = systemText('rocm-smi-7900xt.json')
  expect(parseRocmSmi(text)).toEqual([card])
  const warning = 'WARNING: AMD GPU device(s) is/are in a low-power state. Check power control/runtime_status\n'
  expect(parseRocmSmi(warning + warning + text)).toEqual([card])
})

test('several recorded cards of an older rocm-smi; what is not a card is left out', () => {
  const names = parseRocmSmi(systemText('rocm-smi-mi100.json')).map(({ name, totalBytes }) => [name, totalBytes])
  const mi100 = ['Arcturus GL-XL [Instinct MI100]', 34_342_961_152]
  expect(names).toEqual([mi100, mi100])
})

test('a recorded card of amd-smi, as a list and under the key of newer versions', () => {
  const card = { name: 'AMD GPU', vendor: 'amd', totalBytes: 8_176 * MIB, usedBytes: 202 * MIB, isShared: false }
  const text = systemText('amd-smi-metric.json')
  expect(parseAmdSmi(text)).toEqual([{ ...card, source: 'amd-smi' }])
  expect(parseAmdSmi(`{"gpu_data": ${text}}`)).toEqual([{ ...card, source: 'amd-smi' }])
})

test.each([
  ['nothing', ''],
  ['an explanation', 'ERROR: no AMD GPU was found'],
  ['cut JSON', '{"card0": {"VRAM Total'],
  ['a card without memory', '{"card0": {"VRAM Total Memory (B)": "N/A", "VRAM Total Used Memory (B)": "N/A"}}'],
  ['a GPU without memory', '[{"gpu": 0, "mem_usage": {"total_vram": "N/A", "used_vram": {"value": "N/A"}}}]'],
  ['a GPU that tells nothing', '[null, 5, {"gpu": 0}]'],
])('%s is no GPU', (_, text) => {
  expect(parseRocmSmi(text)).toEqual([])
  expect(parseAmdSmi(text)).toEqual([])
})

test('no JSON of any shape is a fault', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      parseRocmSmi(text)
      parseAmdSmi(text)
    }),
  )
})
