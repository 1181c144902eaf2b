import { createServer, request, type Server } from 'node:http'
import { createServer as createTcpServer, type AddressInfo } from 'node:net'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { spawnSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { once } from 'node:events'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openFurther } from './further-listeners.ts'

let folder: string
let path: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'grym-test-'))
  path = join(folder, 'g.sock')
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const makeServer = (): Server => createServer((_request, response) => response.end('here'))

async function ask(options: object): Promise<string> {
  const [response] = (await once(request(options).end(), 'response')) as [NodeJS.ReadableStream]
  let text = ''
  for await (const piece of response) text += String(piece)
  return text
}

test('a socket answers, is its owner’s alone, and goes with the listeners', async () => {
  const further = await openFurther([{ socketPath: path }], makeServer)
  expect(further.urls).toEqual([`unix:${path}`])
  expect((await stat(path)).mode & 0o777).toBe(0o600)
  expect(await ask({ socketPath: path })).toBe('here')
  further.close()
  expect(existsSync(path)).toBe(false)
})

test('a socket that a killed process left is replaced', async () => {
  const dying = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`
  spawnSync(process.execPath, ['-e', dying])
  expect(existsSync(path)).toBe(true)
  const further = await openFurther([{ socketPath: path }], makeServer)
  expect(await ask({ socketPath: path })).toBe('here')
  further.close()
})

test('one that somebody listens on is left to them', async () => {
  const first = await openFurther([{ socketPath: path }], makeServer)
  await expect(openFurther([{ socketPath: path }], makeServer)).rejects.toMatchObject({ reason: 'port-in-use' })
  expect(await ask({ socketPath: path })).toBe('here')
  first.close()
})

test('a file at its place is left alone', async () => {
  await writeFile(path, 'mine')
  await expect(openFurther([{ socketPath: path }], makeServer)).rejects.toMatchObject({ reason: 'invalid-request' })
  expect(await readFile(path, 'utf8')).toBe('mine')
})

test('its folder has to be there', async () => {
  const socketPath = join(folder, 'no', 'g.sock')
  await expect(openFurther([{ socketPath }], makeServer)).rejects.toMatchObject({
    reason: 'invalid-request',
    message: expect.stringContaining(`there is no folder ${join(folder, 'no')}`),
  })
})

test('an address that is taken is said, and what was opened before it is closed again', async () => {
  const other = createTcpServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  const listeners = [{ socketPath: path }, { host: '127.0.0.1', port }]
  await expect(openFurther(listeners, makeServer)).rejects.toMatchObject({
    reason: 'port-in-use',
    message: `Another program listens on 127.0.0.1:${port}. Stop it, or take that address out of \`listen\`.`,
  })
  expect(existsSync(path)).toBe(false)
  other.close()
})

test('port 0 is any free one', async () => {
  const further = await openFurther([{ host: '127.0.0.1', port: 0 }], makeServer)
  expect(await (await fetch(further.urls[0] ?? '')).text()).toBe('here')
  further.close()
})
