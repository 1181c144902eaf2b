import { expect, test } from 'vitest'
import { runTool } from './run-tool.ts'
import { parsePsRss, parseTasklistRss, readPsRss, ToolProcessMeter } from './tool-process-meter.ts'

test('ps tells the resident memory of this process, and none of one that is gone', async () => {
  const hasPs = (await runTool('ps', [])).state === 'done'
  const meter = new ToolProcessMeter(readPsRss)
  const memory = await meter.read(process.pid)
  if (hasPs) expect(memory?.rssBytes).toBeGreaterThan(20_000_000)
  else expect(memory).toBeUndefined()
  expect(memory ?? {}).not.toHaveProperty('pssBytes')
  expect(await meter.read(2 ** 22 + 1)).toBeUndefined()
})

test('what is not told there is absent', async () => {
  const meter = new ToolProcessMeter(async () => undefined)
  await meter.preferAsOomVictim()
  expect(await meter.oomKillCount()).toBeUndefined()
  expect(await meter.read(1)).toBeUndefined()
})

test.each([
  [' 52340\n', 52_340 * 1_024],
  ['0', 0],
  ['', undefined],
  ['RSS\n 5\n', undefined],
])('ps: %j', (text, bytes) => {
  expect(parsePsRss(text)).toBe(bytes)
})

test.each([
  ['"node.exe","1234","Console","1","52,340 K"\r\n', 52_340 * 1_024],
  ['"node.exe","1234","Console","1","52.340 K"\r\n', 52_340 * 1_024],
  ['"node.exe","1234","Console","1","1\u00a0052\u00a0340 K"\r\n', 1_052_340 * 1_024],
  ['"node.exe","99","Console","1","52,340 K"\r\n', undefined],
  ['"node.exe","1234","Console","1","N/A"\r\n', undefined],
  ['INFO: No tasks are running which match the specified criteria.\r\n', undefined],
  ['', undefined],
])('tasklist: %j', (text, bytes) => {
  expect(parseTasklistRss(text, 1_234)).toBe(bytes)
})
