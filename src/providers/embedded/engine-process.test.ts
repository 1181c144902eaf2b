import { writeFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { TemporaryFolder } from '../../../test/support/system-ground.ts'
import { LinuxProcessMeter } from '../../system/linux-process-meter.ts'
import { SystemClock } from '../../system/system-clock.ts'
import { tinyGguf } from '../../testing/tiny-gguf.ts'
import { EngineProcess } from './engine-process.ts'
import { bundledPackage } from './packages/package-table.ts'

function start(folder: TemporaryFolder): EngineProcess {
  return new EngineProcess({
    clock: new SystemClock(),
    processMeter: new LinuxProcessMeter(),
    compileCacheFolder: folder.at('compiled'),
    enginesFolder: folder.at('engines'),
    isForCpu: true,
    onExited: () => {},
    onLost: () => {},
  })
}

test('an engine process looks for its packages in the state folder when it starts', async () => {
  const name = bundledPackage(process)?.name ?? 'none for this system'
  await using folder = await TemporaryFolder.make()
  await writeFile(folder.at('tiny.gguf'), tinyGguf())
  const before = start(folder)
  await before.load(folder.at('tiny.gguf'), 1, null)
  await before.kill()

  const place = `engines/3.21.1/node_modules/${name}`
  await folder.write(
    `${place}/package.json`,
    JSON.stringify({ name, version: '3.21.1', type: 'module', main: 'index.js' }),
  )
  const says = "console.error('asked in the state folder')"
  await folder.write(`${place}/index.js`, `${says}\nexport const getBinsDir = () => ({ packageVersion: '3.21.1' })`)
  const after = start(folder)
  await expect(after.load(folder.at('tiny.gguf'), 1, null)).rejects.toThrow('NoBinaryFoundError')
  expect(after.log).toContain('asked in the state folder')
})
