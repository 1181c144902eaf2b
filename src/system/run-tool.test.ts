import { expect, test } from 'vitest'
import { runTool } from './run-tool.ts'

const node = (code: string, deadlineMs?: number): ReturnType<typeof runTool> =>
  runTool(process.execPath, ['-e', code], deadlineMs)

test('what it prints is the answer', async () => {
  expect(await node("console.log('0, GPU-1')")).toEqual({ state: 'done', text: '0, GPU-1\n' })
})

test.each([['no-such-program-of-any-system'], ['/no/such/folder/nvidia-smi'], [`${import.meta.filename}/nvidia-smi`]])(
  'a program that is not there is absent: %s',
  async (file) => {
    expect(await runTool(file, [])).toEqual({ state: 'absent' })
  },
)

test('its own words say why it failed, those on stderr before those on stdout', async () => {
  const fail = (where: string): string => `console.${where}('no driver\\nmore'); process.exitCode = 9;`
  expect(await node(fail('log'))).toEqual({ state: 'failed', why: 'no driver' })
  expect(await node(`console.log('noise');${fail('error')}`)).toEqual({ state: 'failed', why: 'no driver' })
})

test('one that fails without a word says what was run', async () => {
  const run = await node('process.exitCode = 1')
  expect(run).toMatchObject({ state: 'failed', why: expect.stringContaining('Command failed') })
})

test('one that does not answer is ended at its deadline', async () => {
  const run = await node('setInterval(() => {}, 1000)', 100)
  expect(run).toEqual({ state: 'failed', why: 'it did not answer within 100 ms' })
})

test('one that prints without end is ended', async () => {
  const run = await node("process.stdout.write('x'.repeat(1_048_577)); setInterval(() => {}, 1000)", 20_000)
  expect(run).toEqual({ state: 'failed', why: 'it printed too much' })
})

test('a long explanation is cut', async () => {
  const run = await node("console.error('y'.repeat(1000)); process.exitCode = 1")
  expect(run).toEqual({ state: 'failed', why: 'y'.repeat(200) })
})
