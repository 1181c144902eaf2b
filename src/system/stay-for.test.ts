import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { stayFor } from './stay-for.ts'

const MODULE = fileURLToPath(new URL('./stay-for.ts', import.meta.url))

function run(script: string): { readonly status: number | null; readonly stdout: string } {
  const args = ['--input-type=module', '-e', `import { stayFor } from ${JSON.stringify(MODULE)}\n${script}`]
  const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  return { status, stdout }
}

describe('a program', () => {
  test('stays for work that nothing else holds it for, and ends after it', () => {
    const wait = 'new Promise((resolve) => setTimeout(resolve, 50).unref())'
    expect(run(`await stayFor(${wait}); console.log('done')`)).toEqual({ status: 0, stdout: 'done\n' })
    expect(run(`await ${wait}; console.log('done')`)).toMatchObject({ stdout: '' })
  })
})

test('the outcome is that of the work', async () => {
  await expect(stayFor(Promise.resolve(3))).resolves.toBe(3)
  await expect(stayFor(Promise.reject(new Error('no')))).rejects.toThrow('no')
})
