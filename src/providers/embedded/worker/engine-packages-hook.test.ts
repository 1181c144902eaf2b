import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { TemporaryFolder } from '../../../../test/support/system-ground.ts'

const HOOK = new URL('./engine-packages-hook.ts', import.meta.url).href

/** What a fresh process says that takes its engines from this folder and then asks for a package. */
function importedWith(folder: string | undefined, name: string): string {
  const code = `
    import { useEnginePackages } from ${JSON.stringify(HOOK)}
    useEnginePackages(${JSON.stringify(folder)})
    const found = await import(${JSON.stringify(name)}).catch((error) => ({ from: error.code }))
    console.log(found.from ?? (found.getBinsDir ? 'bundled' : 'other'))`
  const options = { cwd: import.meta.dirname, encoding: 'utf8' } as const
  return execFileSync(process.execPath, ['--input-type=module', '-e', code], options).trim()
}

test('a package in the folder is found there, and one that is not where it ever was', async () => {
  await using folder = await TemporaryFolder.make()
  const name = '@node-llama-cpp/linux-x64-vulkan'
  const facts = { name, version: '3.21.1', type: 'module', exports: { '.': { import: './dist/index.js' } } }
  await folder.write(`node_modules/${name}/package.json`, JSON.stringify(facts))
  await folder.write(`node_modules/${name}/dist/index.js`, "export const from = 'the folder'")
  expect(importedWith(folder.path, name)).toBe('the folder')
  expect(importedWith(folder.path, '@node-llama-cpp/linux-arm64')).not.toBe('the folder')
  expect(importedWith(folder.path, '@node-llama-cpp/nowhere')).toBe('ERR_MODULE_NOT_FOUND')
  expect(importedWith(folder.at('missing'), '@node-llama-cpp/nowhere')).toBe('ERR_MODULE_NOT_FOUND')
  expect(importedWith(undefined, '@node-llama-cpp/nowhere')).toBe('ERR_MODULE_NOT_FOUND')
})
