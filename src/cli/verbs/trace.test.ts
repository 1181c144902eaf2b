import { mkdir, readdir, readFile, stat } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { recordedRequest } from '../../../test/support/state-server.ts'
import { TemporaryFolder } from '../../../test/support/system-ground.ts'
import { VerbGround } from '../../../test/support/verb-ground.ts'
import { traceExportVerb } from './trace.ts'

test('to stdout: one line of JSON a request, all pages, and the count for people on stderr', async () => {
  await using ground = await VerbGround.start()
  ground.server.requests = Array.from({ length: 2_500 }, (_, index) =>
    recordedRequest({ eventId: index + 1, arrivedAtMs: 9_000 - index }),
  )
  await traceExportVerb(ground.context, undefined, {})
  const rows = ground.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { t_s: number })
  expect(rows).toHaveLength(2_500)
  expect(rows[0]).toMatchObject({ t_s: 0, model: 'tiny', size_gb: 0.005, exec_s: 0.9, outcome: 'ok' })
  expect(rows.at(-1)?.t_s).toBe(2.499)
  expect(ground.stderr).toBe('2500 requests\n')
})

test('a dash is stdout, as everywhere, and no file of that name', async () => {
  await using ground = await VerbGround.start()
  ground.server.requests = [recordedRequest()]
  await traceExportVerb(ground.context, '-', {})
  expect(JSON.parse(ground.stdout)).toMatchObject({ model: 'tiny' })
  expect(ground.stderr).toBe('1 request\n')
})

test('to a file: whole, for its owner only, with nothing beside it', async () => {
  await using folder = await TemporaryFolder.make()
  await using ground = await VerbGround.start({ isJson: true })
  ground.server.requests = [recordedRequest()]
  const file = folder.at('trace.jsonl')
  await traceExportVerb(ground.context, file, {})
  expect(JSON.parse(ground.stdout)).toEqual({ file, rows: 1 })
  expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({ model: 'tiny' })
  expect((await stat(file)).mode & 0o777).toBe(0o600)
  expect(await readdir(folder.path)).toEqual(['trace.jsonl'])
})

test('a file that is there is replaced only when that is asked for', async () => {
  await using folder = await TemporaryFolder.make({ 'trace.jsonl': 'mine' })
  await using ground = await VerbGround.start()
  const file = folder.at('trace.jsonl')
  const refused = traceExportVerb(ground.context, file, {})
  await expect(refused).rejects.toMatchObject({
    reason: 'invalid-request',
    message: expect.stringContaining('--force'),
  })
  expect(ground.server.asked).toEqual([])
  expect(await readFile(file, 'utf8')).toBe('mine')
  await traceExportVerb(ground.context, file, { force: true })
  expect(await readFile(file, 'utf8')).toBe('')
  expect(ground.stderr).toContain('No request is recorded yet')
})

test('what cannot be a file is refused, and nothing is left behind', async () => {
  await using folder = await TemporaryFolder.make()
  await using ground = await VerbGround.start()
  await mkdir(folder.at('sub'))
  for (const file of [folder.at('sub'), '/dev/null']) {
    const refused = traceExportVerb(ground.context, file, { force: true })
    await expect(refused).rejects.toMatchObject({
      reason: 'invalid-request',
      message: expect.stringContaining('plain'),
    })
  }
  const nowhere = traceExportVerb(ground.context, folder.at('none/trace.jsonl'), {})
  await expect(nowhere).rejects.toMatchObject({ reason: 'invalid-request', message: expect.stringContaining('ENOENT') })
  expect(await readdir(folder.path)).toEqual(['sub'])
})
