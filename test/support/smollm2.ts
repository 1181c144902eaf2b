import { copyFile, link, mkdir, open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fetchModel } from '../../src/app/fetch-model.ts'
import { resolveConfig } from '../../src/config/config.ts'
import { readEnvironment } from '../../src/config/environment.ts'
import { SMOLLM2 } from '../../src/models/smollm2.ts'
import { fileSha256 } from '../../src/system/file-digest.ts'
import { prepareFolders } from '../../src/system/folders.ts'

/** Kept between runs of the tests, out of the repository. */
const CACHE = fileURLToPath(new URL('../../.cache/test', import.meta.url))

/** The default model, downloaded as a user's first start does it; its digest is checked each time. Returns its path. */
export async function smollm2(): Promise<string> {
  const path = join(CACHE, 'models', SMOLLM2.fileName)
  const sha256 = await fileSha256(path).catch(() => undefined)
  if (sha256 === SMOLLM2.sha256) return path
  const config = resolveConfig({ env: { ...readEnvironment(), GRYM_MODELS: '' }, flags: {} })
  const options = { onProgress: () => {}, signal: AbortSignal.timeout(240_000) }
  const pulled = await fetchModel(SMOLLM2.id, config, await prepareFolders(CACHE), options)
  return pulled.path
}

/** Puts the model into a folder without copying its bytes where the disk allows it. */
export async function placeSmollm2(folder: string, name: string = SMOLLM2.fileName): Promise<string> {
  const target = join(folder, name)
  await mkdir(dirname(target), { recursive: true })
  const source = await smollm2()
  await link(source, target).catch(() => copyFile(source, target))
  return target
}

/** The same model with one letter of its `general.name` changed: equal in all but its digest. */
export async function placeVariant(folder: string, name: string, letter: string): Promise<string> {
  const target = join(folder, name)
  await mkdir(dirname(target), { recursive: true })
  await copyFile(await smollm2(), target)
  const file = await open(target, 'r+')
  try {
    const head = Buffer.alloc(65_536)
    await file.read(head, 0, head.length, 0)
    const key = head.indexOf('general.name')
    if (key === -1) throw new Error('the model has no general.name')
    // The key is followed by a type (4 bytes), a length (8 bytes) and the text.
    await file.write(Buffer.from(letter), 0, 1, key + 'general.name'.length + 12)
  } finally {
    await file.close()
  }
  return target
}
