import { mkdir, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { OllamaGround } from '../../test/support/ollama-ground.ts'
import { TemporaryFolder } from '../../test/support/system-ground.ts'
import { VirtualClock } from '../testing/virtual-clock.ts'
import { OllamaStore } from './ollama-store.ts'

let ground: TemporaryFolder
let ollama: OllamaGround
let store: OllamaStore
const clock = new VirtualClock(0)

const LIBRARY = 'registry.ollama.ai/library'

beforeEach(async () => {
  ground = await TemporaryFolder.make()
  ollama = new OllamaGround(ground.at('models'))
  store = new OllamaStore([ground.at('nowhere'), ground.at('models')], clock)
})

afterEach(() => ground[Symbol.asyncDispose]())

async function names(): Promise<string[]> {
  return (await store.scan()).models.map(({ name }) => name)
}

/** Why a model is not offered. */
async function whyNot(name: string): Promise<string | undefined> {
  const { models, unusable } = await store.scan()
  expect(models).toEqual([])
  return unusable.find((model) => model.name === name)?.why
}

describe('where it is', () => {
  test('no store is no fault, and neither is one that is not wanted', async () => {
    expect(await store.scan()).toEqual({ models: [], unusable: [] })
    expect(await new OllamaStore([], clock).scan()).toEqual({ models: [], unusable: [] })
  })

  test('the first folder that is there is read', async () => {
    await ollama.add(`${LIBRARY}/tiny/latest`, [['model', 'GGUF']])
    await new OllamaGround(ground.at('other')).add(`${LIBRARY}/other/latest`, [['model', 'GGUF']])
    const { folder, models } = await new OllamaStore(
      ['nowhere', 'models', 'other'].map((at) => ground.at(at)),
      clock,
    ).scan()
    expect([folder, models.map(({ name }) => name)]).toEqual([ollama.folder, ['tiny:latest']])
  })

  test('one that cannot be read is told, and fails nothing', async () => {
    await ground.write('models/manifests', 'a file, where a folder was looked for')
    const { models, fault } = await store.scan()
    expect(models).toEqual([])
    expect(fault).toBe(`${join(ollama.folder, 'manifests')} cannot be read (ENOTDIR)`)
  })

  test('blobs that cannot be read are told once for all, and of each model', async () => {
    const layers = await ollama.add(`${LIBRARY}/tiny/latest`, [['model', 'GGUF']])
    await ollama.removeBlob(layers[0])
    await rm(join(ollama.folder, 'blobs'), { recursive: true })
    await ground.write('models/blobs', '')
    const { fault, unusable } = await store.scan()
    expect(fault).toBe(`${join(ollama.folder, 'blobs')} cannot be read (ENOTDIR)`)
    expect(unusable[0]).toMatchObject({
      why: 'the file of its weights cannot be read (ENOTDIR)',
      wayOut: 'Let this user read it, or run it through Ollama itself.',
    })
  })
})

describe('what is found', () => {
  test('models by the names that Ollama shows, sorted', async () => {
    for (const manifest of [
      `${LIBRARY}/llama3.2/1b`,
      `${LIBRARY}/llama3.2/latest`,
      'registry.ollama.ai/user/model/tag',
      'hf.co/user/repo/Q4_K_M',
      `${LIBRARY}/.DS_Store/latest`,
    ]) {
      await ollama.add(manifest, [['model', 'GGUF']])
    }
    await ollama.write(`${LIBRARY}/stray`, 'a file among folders')
    await ollama.write(`${LIBRARY}/deep/folder/x`, 'a folder among files')
    expect(await names()).toEqual(['hf.co/user/repo:Q4_K_M', 'llama3.2:1b', 'llama3.2:latest', 'user/model:tag'])
  })

  test('its weights are known by their digest, the last layer of several', async () => {
    const layers = await ollama.add(`${LIBRARY}/tiny/latest`, [
      ['model', 'first'],
      ['model', 'second'],
    ])
    const { models } = await store.scan()
    expect(models).toMatchObject([
      { path: ollama.blobPath(layers[1]), sha256: layers[1]?.digest.slice(-64), sizeBytes: 6, settings: {}, notes: [] },
    ])
  })

  test('system, parameters and adapters become settings; what is not used is noted', async () => {
    const layers = await ollama.add(`${LIBRARY}/tiny/latest`, [
      ['model', 'GGUF'],
      ['adapter', 'LORA'],
      ['system', 'Be brief.'],
      ['params', '{"temperature": 0.5}'],
      ['template', '{{ .Prompt }}'],
      ['projector', 'mmproj'],
      ['messages', '[]'],
      ['license', 'MIT'],
    ])
    const [model] = (await store.scan()).models
    expect(model?.settings).toEqual({
      system: 'Be brief.',
      sampling: { temperature: 0.5 },
      loras: [{ path: ollama.blobPath(layers[1]), scale: 1 }],
    })
    expect(model?.notes).toEqual([
      'its template (Go) is left out: that of the GGUF counts, or ChatML',
      'its projector is left out: the embedded engine reads text only',
      'the messages that it brings are left out',
    ])
  })

  test('a system prompt of 256 KiB is taken, of one byte more it is left out and told', async () => {
    const longest = 'x'.repeat(256 * 1024)
    await ollama.add(`${LIBRARY}/a/latest`, [
      ['model', 'GGUF'],
      ['system', longest],
    ])
    await ollama.add(`${LIBRARY}/b/latest`, [
      ['model', 'GGUF'],
      ['system', `${longest}x`],
      ['params', 'no JSON'],
    ])
    const [a, b] = (await store.scan()).models
    expect([a?.settings, a?.notes]).toEqual([{ system: longest }, []])
    expect([b?.settings, b?.notes]).toEqual([
      {},
      ['its system prompt cannot be read and is left out', 'its parameters cannot be read and are left out'],
    ])
  })
})

describe('what is not offered says why', () => {
  test('a model that runs in the cloud', async () => {
    await ollama.add(`${LIBRARY}/big/cloud`, [], { remote_host: 'https://ollama.com:443' })
    expect(await whyNot('big:cloud')).toBe(
      'it runs in the cloud ("https://ollama.com:443"), nothing of it is on this machine',
    )
  })

  test('single tensors, and no weights at all', async () => {
    await ollama.add(`${LIBRARY}/mlx/latest`, [
      ['tensor', 'T'],
      ['json', '{}'],
    ])
    await ollama.add(`${LIBRARY}/none/latest`, [['license', 'MIT']])
    expect(await whyNot('mlx:latest')).toBe('it is single tensors (safetensors, MLX), not a GGUF')
    expect(await whyNot('none:latest')).toBe('it has no weights')
  })

  test('a file that is not there, or of another size', async () => {
    const [weights] = await ollama.add(`${LIBRARY}/tiny/latest`, [['model', 'GGUF']])
    await truncate(ollama.blobPath(weights), 3)
    expect(await whyNot('tiny:latest')).toBe('the file of its weights has 3 bytes instead of 4')
    await ollama.removeBlob(weights)
    expect(await whyNot('tiny:latest')).toBe('the file of its weights is not here')
    await mkdir(ollama.blobPath(weights))
    expect(await whyNot('tiny:latest')).toBe('the file of its weights cannot be read (it is no file)')
    await rm(ollama.blobPath(weights), { recursive: true })
    await writeFile(ollama.blobPath(weights), 'GGUF')
    expect(await names()).toEqual(['tiny:latest'])
  })

  test('an adapter that is not there', async () => {
    const [, adapter] = await ollama.add(`${LIBRARY}/tiny/latest`, [
      ['model', 'GGUF'],
      ['adapter', 'LORA'],
    ])
    await ollama.removeBlob(adapter)
    expect(await whyNot('tiny:latest')).toBe('the file of its adapter is not here')
  })

  test('a manifest that is damaged, or larger than 4 MiB', async () => {
    await ollama.write(`${LIBRARY}/a/latest`, '{')
    await ollama.write(`${LIBRARY}/b/latest`, ' '.repeat(4 * 1024 * 1024 + 1))
    expect(await whyNot('a:latest')).toBe('its manifest is damaged (it is no JSON)')
    expect(await whyNot('b:latest')).toBe('its manifest is damaged (it has 4194305 bytes, 4194304 are allowed)')
  })
})

describe('another look', () => {
  const manifest = `${LIBRARY}/tiny/latest`

  test('sees what came, went and changed', async () => {
    await ollama.add(manifest, [['model', 'GGUF']])
    expect(await names()).toEqual(['tiny:latest'])
    await ollama.add(`${LIBRARY}/new/latest`, [['model', 'other']])
    await ollama.add(manifest, [
      ['model', 'GGUF'],
      ['system', 'Be brief.'],
    ])
    const { models } = await store.scan()
    expect(models.map(({ name, settings }) => [name, settings.system])).toEqual([
      ['new:latest', undefined],
      ['tiny:latest', 'Be brief.'],
    ])
    await rm(join(ollama.folder, 'manifests', manifest))
    expect(await names()).toEqual(['new:latest'])
  })

  test('reads no manifest again that has not changed', async () => {
    await ollama.add(manifest, [['model', 'GGUF']])
    const path = join(ollama.folder, 'manifests', manifest)
    await utimes(path, 1_000, 1_000)
    expect(await names()).toEqual(['tiny:latest'])
    await writeFile(path, 'x'.repeat((await stat(path)).size))
    await utimes(path, 1_000, 1_000)
    expect(await names()).toEqual(['tiny:latest'])
    await utimes(path, 2_000, 2_000)
    expect(await whyNot('tiny:latest')).toBe('its manifest is damaged (it is no JSON)')
  })

  test.each([
    [100, 1_900],
    [5_000, 10_000],
  ])('after one that took %i ms, what it saw is the answer for %i ms', async (tookMs, restMs) => {
    await ollama.add(manifest, [['model', 'GGUF']])
    const times = [0, tookMs, tookMs + restMs - 1, tookMs + restMs, tookMs + restMs]
    const rested = new OllamaStore(
      [ollama.folder],
      Object.assign(new VirtualClock(0), { nowMs: () => times.shift() ?? 0 }),
    )
    const first = await rested.scan()
    await ollama.add(`${LIBRARY}/new/latest`, [['model', 'other']])
    expect(await rested.scan()).toBe(first)
    expect((await rested.scan()).models).toHaveLength(2)
  })

  test('of more than 10,000 manifests the rest is told as a fault', { timeout: 60_000 }, async () => {
    const folder = join(ollama.folder, 'manifests', LIBRARY, 'many')
    await mkdir(folder, { recursive: true })
    const text = JSON.stringify({ layers: [] })
    for (let at = 0; at < 10_000; at += 100) {
      await Promise.all(Array.from({ length: 100 }, (_, index) => writeFile(join(folder, `t${at + index}`), text)))
    }
    const all = await store.scan()
    expect([all.unusable.length, all.fault]).toEqual([10_000, undefined])
    await ollama.write(`${LIBRARY}/more/latest`, text)
    const most = await store.scan()
    expect([most.unusable.length, most.fault]).toEqual([10_000, 'only the first 10000 models are looked at'])
  })
})
