import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { testEmbeddedContract } from '../../../test/support/embedded-contract.ts'
import { EmbeddedGround, isAlive, localModel } from '../../../test/support/embedded-ground.ts'
import type { GenerateChunk, GenerateRequest } from '../../spec/chat.ts'
import { toErrorData } from '../../spec/errors.ts'
import type { SpareProcess } from '../../spec/provider.ts'
import { read as readAll, text as textOf } from '../../testing/contract-check.ts'
import { tinyGguf, tinyLora } from '../../testing/tiny-gguf.ts'
import type { EmbeddedProvider } from './embedded-provider.ts'

/*
 * The real engine on generated models of half a megabyte: everything but sense is real.
 */

let folder = ''
const paths = new Map<string, string>()
let ground: EmbeddedGround
let running: Set<number>
let provider: EmbeddedProvider
let maySpare = false
const define = localModel

async function placeModel(id: string, file: string, content: Uint8Array): Promise<void> {
  const path = join(folder, file)
  await writeFile(path, content)
  paths.set(id, path)
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'grym-embedded-'))
  // Its answers hang on all that was said.
  const tiny = tinyGguf({ isEndless: true, spread: 0.3 })
  await placeModel('tiny', 'tiny.gguf', tiny)
  await placeModel('sibling', 'tiny.gguf', tiny)
  await placeModel('other', 'other.gguf', tinyGguf({ name: 'tine', seed: 2 }))
})

afterAll(() => rm(folder, { recursive: true, force: true }))

beforeEach(() => {
  ground = new EmbeddedGround(folder, paths, { maySpare: () => maySpare })
  running = ground.running
  provider = ground.provider
})

afterEach(async () => {
  await provider.dispose()
  expect([...running].filter(isAlive)).toEqual([])
})

describe('the contract of every provider', () => {
  testEmbeddedContract('tiny', 1_024, (keptStates) => new EmbeddedGround(folder, paths, { keptStates }))
})

function never(): AbortSignal {
  return new AbortController().signal
}

function ask(content: string): GenerateRequest {
  return { messages: [{ role: 'user', content }], sampling: { temperature: 0 }, maxTokens: 4, stop: [] }
}

async function answer(modelId: string, content: string): Promise<GenerateChunk | undefined> {
  const chunks: GenerateChunk[] = []
  for await (const chunk of provider.generate(modelId, ask(content), never())) chunks.push(chunk)
  return chunks.at(-1)
}

async function reasonOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'no error',
    (error: unknown) => toErrorData(error).reason,
  )
}

describe('files that are no models', () => {
  test.each([
    ['cut in half', tinyGguf().subarray(0, 260_000), 'model-file-corrupt'],
    ['cut inside its header', tinyGguf().subarray(0, 300), 'model-file-corrupt'],
    ['no model at all', Buffer.from('<html>not found</html>'.repeat(50)), 'model-file-corrupt'],
    ['of an unknown architecture', tinyGguf({ architecture: 'strange' }), 'architecture-unsupported'],
  ])('%s', async (name, content, reason) => {
    await placeModel('bad', `${name}.gguf`, content)
    expect(await reasonOf(provider.load(define('bad', name), never()))).toBe(reason)
    expect([...running].filter(isAlive)).toEqual([])
    await provider.load(define('tiny', 'a'), never())
    expect((await answer('tiny', 'next'))?.type).toBe('end')
  })
})

test('an engine killed while it loads is told as lost, and the next load works', async () => {
  const load = provider.load(define('tiny', 'a'), never())
  const outcome = reasonOf(load)
  await expect.poll(() => running.size).toBe(1)
  for (const pid of running) process.kill(pid, 'SIGKILL')
  expect(await outcome).toBe('engine-lost')
  await provider.load(define('tiny', 'a'), never())
  expect((await answer('tiny', 'next'))?.type).toBe('end')
})

test("a worker is a likelier victim of the kernel's out-of-memory killer than we are", async () => {
  const { pid } = await provider.load(define('tiny', 'a'), never())
  const read = async (file: string): Promise<number> => Number(await readFile(file, 'utf8'))
  const own = await read('/proc/self/oom_score_adj')
  expect(await read(`/proc/${pid}/oom_score_adj`)).toBeGreaterThan(own)
})

describe('chat templates are programs of strangers', () => {
  test('one that refuses the messages is told in its words, and the engine stays', async () => {
    const chatTemplate = "{{ raise_exception('roles must alternate') }}"
    await placeModel('refusing', 'refusing.gguf', tinyGguf({ name: 'refu', chatTemplate }))
    const { pid } = await provider.load(define('refusing', 'refusing'), never())
    expect(await reasonOf(answer('refusing', 'x'))).toBe('template-failed')
    expect(pid !== undefined && isAlive(pid)).toBe(true)
  })

  test('one that never ends is stopped by its deadline, and told as the template that it is', async () => {
    const chatTemplate =
      '{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}{% endfor %}{% endfor %}{% endfor %}'
    await placeModel('endless', 'endless.gguf', tinyGguf({ name: 'endl', chatTemplate }))
    await provider.load(define('endless', 'endless'), never())
    expect(await reasonOf(answer('endless', 'x'))).toBe('template-failed')
    await provider.load(define('tiny', 'a'), never())
    expect((await answer('tiny', 'next'))?.type).toBe('end')
  })

  test('a file without one is spoken to in ChatML', async () => {
    await placeModel('bare', 'bare.gguf', tinyGguf({ name: 'bare', chatTemplate: null }))
    await provider.load(define('bare', 'bare'), never())
    const end = await answer('bare', 'hi')
    // One token a character, and one in front: `<s>` and the text of the template around "hi".
    const text = '<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n'
    expect(end?.type === 'end' && end.usage.promptTokens).toBe(text.length + 2)
  })
})

test('requests at the same time on one model are served one after the other, each whole', async () => {
  await provider.load(define('tiny', 'a'), never())
  const answers = await Promise.all(['one', 'two', 'three', 'four'].map((content) => answer('tiny', content)))
  expect(answers.map((end) => end?.type)).toEqual(['end', 'end', 'end', 'end'])
})

test('engines that answer at once share the cores, and the one that is left has both', async () => {
  const both = new EmbeddedGround(folder, paths, { cores: 2 })
  try {
    await Promise.all([
      both.provider.load(define('tiny', 'a'), never()),
      both.provider.load(define('other', 'b'), never()),
    ])
    const said = (modelId: string, maxTokens: number): Promise<GenerateChunk[]> =>
      readAll(both.provider.generate(modelId, { ...ask('together'), maxTokens }, never()))
    const answers = await Promise.all([said('tiny', 24), said('other', 4)])
    expect(answers.map((chunks) => chunks.at(-1)?.type)).toEqual(['end', 'end'])
    expect((await said('tiny', 4)).at(-1)?.type).toBe('end')
  } finally {
    await both.provider.dispose()
  }
})

test('sampling with a seed repeats itself; with another one it does not', async () => {
  await provider.load(define('tiny', 'a'), never())
  const sample = async (seed: number): Promise<string> => {
    const request = { ...ask('seeded'), maxTokens: 24, sampling: { temperature: 1.5, seed } }
    let text = ''
    for await (const chunk of provider.generate('tiny', request, never())) if (chunk.type === 'text') text += chunk.text
    return text
  }
  const first = await sample(7)
  expect(await sample(7)).toBe(first)
  expect(await sample(8)).not.toBe(first)
})

describe('a spare process', () => {
  beforeEach(() => {
    maySpare = true
    return () => {
      maySpare = false
    }
  })

  test('stands by after an answer, and the next model is loaded into it', async () => {
    await provider.load(define('tiny', 'a'), never())
    expect(running.size).toBe(1)
    await answer('tiny', 'first')
    await expect.poll(() => running.size).toBe(2)
    const spare = [...running].at(-1)
    const { pid } = await provider.load(define('other', 'b'), never())
    expect(pid).toBe(spare)
    expect((await answer('other', 'next'))?.type).toBe('end')
  })

  test('is told with what it takes, and told as gone when a load takes it; it ends with its model', async () => {
    const told: (SpareProcess | undefined)[] = []
    provider.spare.onChanged((spare) => told.push(spare))
    await provider.load(define('tiny', 'a'), never())
    await answer('tiny', 'first')
    await expect.poll(() => told.length, { timeout: 10_000 }).toBe(1)
    expect(told[0]?.pid).toBe([...running].at(-1))
    expect(told[0]?.bytes).toBeGreaterThan(20_000_000)
    const { pid } = await provider.load(define('other', 'b'), never())
    expect([pid, told[1]]).toEqual([told[0]?.pid, undefined])
    await provider.unload('other')
    expect(isAlive(pid ?? 0)).toBe(false)
  })

  test('is dropped when asked to', async () => {
    const told: (SpareProcess | undefined)[] = []
    provider.spare.onChanged((spare) => told.push(spare))
    await provider.load(define('tiny', 'a'), never())
    await answer('tiny', 'first')
    await expect.poll(() => told.length, { timeout: 10_000 }).toBe(1)
    await provider.spare.drop()
    expect(told.at(-1)).toBeUndefined()
    expect(running.size).toBe(1)
  })

  test('that is killed is no loss of anything', async () => {
    const losses: unknown[] = []
    provider.onEngineLost((loss) => losses.push(loss))
    await provider.load(define('tiny', 'a'), never())
    await answer('tiny', 'first')
    await expect.poll(() => running.size).toBe(2)
    process.kill([...running].at(-1) ?? 0, 'SIGKILL')
    await expect.poll(() => running.size).toBe(1)
    await provider.load(define('other', 'b'), never())
    expect((await answer('other', 'next'))?.type).toBe('end')
    expect(losses).toEqual([])
  })

  test('is not kept where memory is short', async () => {
    maySpare = false
    await provider.load(define('tiny', 'a'), never())
    await answer('tiny', 'first')
    expect(running.size).toBe(1)
  })
})

describe('what a model is given beside its file', () => {
  test('two slots serve two requests at once, each with its own KV state', async () => {
    await provider.load({ ...define('tiny', 'a'), parallel: 2 }, never())
    await Promise.all([answer('tiny', 'one beginning'), answer('tiny', 'the other beginning')])
    const again = await Promise.all([answer('tiny', 'the other beginning'), answer('tiny', 'one beginning')])
    for (const end of again) {
      if (end?.type !== 'end') throw new Error('no end')
      expect(end.usage.cachedTokens).toBe(end.usage.promptTokens - 1)
    }
  })

  test('the stop string that ended an answer is told', async () => {
    await provider.load(define('tiny', 'a'), never())
    const said = (stop: readonly string[]): Promise<GenerateChunk[]> =>
      readAll(provider.generate('tiny', { ...ask('stop here'), maxTokens: 16, stop }, never()))
    const whole = await said([])
    expect(whole.at(-1)).not.toHaveProperty('stoppedBy')
    const stop = textOf(whole).slice(2, 4)
    const end = { finishReason: 'stop', stoppedBy: stop }
    expect((await said(['never said', stop])).at(-1)).toMatchObject(end)
  })

  test('a template of its own takes the place of the one in the file, for counts too', async () => {
    const template = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
    const own = define('tiny', 'a')
    const changed = { ...own, engine: { ...own.engine, template } }
    const messages = [{ role: 'user' as const, content: 'abc' }]
    const [plain, short] = [
      await provider.countTokens(own, messages, never()),
      await provider.countTokens(changed, messages, never()),
    ]
    expect(plain - short).toBe('[user]'.length + '[assistant]'.length)
    await provider.load(changed, never())
    expect(await answer('tiny', 'abc')).toMatchObject({ usage: { promptTokens: short } })
  })

  test('another type of KV cache answers, too', async () => {
    const own = define('tiny', 'a')
    await provider.load({ ...own, engine: { ...own.engine, kvType: 'f32' } }, never())
    expect((await answer('tiny', 'hello'))?.type).toBe('end')
  })

  test('a type of KV cache that does not fit the model is told as such, and is no reason to try again', async () => {
    const own = define('tiny', 'a')
    const load = provider.load({ ...own, engine: { ...own.engine, kvType: 'q8_0' } }, never())
    await expect(load).rejects.toMatchObject({ reason: 'model-options-invalid', isRetryable: false })
  })

  test('an adapter changes what is said, by its scale', async () => {
    const path = join(folder, 'adapter.gguf')
    await writeFile(path, tinyLora())
    const own = define('tiny', 'a')
    const said = async (loras: readonly { path: string; scale: number }[]): Promise<string> => {
      await provider.load({ ...own, engine: { ...own.engine, loras } }, never())
      let text = ''
      for await (const chunk of provider.generate('tiny', { ...ask('hello'), maxTokens: 8 }, never())) {
        if (chunk.type === 'text') text += chunk.text
      }
      await provider.unload('tiny')
      return text
    }
    const plain = await said([])
    expect(await said([{ path, scale: 0 }])).toBe(plain)
    expect(await said([{ path, scale: 1 }])).not.toBe(plain)
  })

  test('an adapter that is not there is told by name', async () => {
    const own = define('tiny', 'a')
    const loras = [{ path: join(folder, 'none.gguf'), scale: 1 }]
    const load = provider.load({ ...own, engine: { ...own.engine, loras } }, never())
    await expect(load).rejects.toThrow(/none\.gguf/)
  })
})

test('a window that is made smaller by an unload and a load gives its memory back, as measured', async () => {
  const bytesAt = async (contextTokens: number): Promise<number> => {
    const { footprint } = await provider.load(define('tiny', 'a', contextTokens), never())
    expect(footprint.source).toBe('measured')
    await provider.unload('tiny')
    return footprint.bytes
  }
  // A first process pays for what others share with it: the large window is not the first.
  await bytesAt(1_024)
  const large = await bytesAt(131_072)
  const small = await bytesAt(1_024)
  // Keys and values of 2 layers with 32 values each, 2 bytes a value; half of it for the noise between processes.
  expect(large - small).toBeGreaterThan((130_048 * 256) / 2)
})
