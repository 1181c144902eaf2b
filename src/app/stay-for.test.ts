import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'

/** What a program prints that awaits an unref'd timer and nothing else. */
async function printed(awaited: string): Promise<string> {
  const script = `
    import { stayFor } from ${JSON.stringify(new URL('./stay-for.ts', import.meta.url).href)}
    const late = () => new Promise((resolve) => setTimeout(resolve, 50).unref())
    ${awaited}
    process.stdout.write('done')`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  let output = ''
  child.stdout.on('data', (text) => (output += String(text)))
  await once(child, 'close')
  return output
}

test('a process goes on while a call is awaited, and ends after it', async () => {
  expect(await printed('await late()')).toBe('')
  expect(await printed('await stayFor(late())')).toBe('done')
  expect(await printed('await stayFor(Promise.reject(new Error())).catch(() => {})')).toBe('done')
})
