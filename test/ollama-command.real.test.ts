import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify, stripVTControlCharacters } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readEnvironment } from '../src/config/environment.ts'
import { realOllama } from './support/real-engines.ts'
import { placeVariant } from './support/smollm2.ts'
import { smollm2Daemon } from './support/smollm2-daemon.ts'

/*
 * Ollama's own command line with grym for its server: what people type keeps working.
 */

const LONGEST_MS = 240_000
const found = await realOllama()

test.each('missing' in found ? [found.missing] : [])('a real Ollama is missing: %s', (missing) => {
  expect(process.env['CI'], `CI has to have one: ${missing}`).not.toBe('true')
})

describe.each('binary' in found ? [found.binary] : [])('`ollama` at the door of grym', (binary) => {
  const { daemon, models } = smollm2Daemon()
  let home: string

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'grym-ollama-home-'))
  })

  afterAll(() => rm(home, { recursive: true, force: true }))

  /** What it prints, without colours; of a command that fails, what it says of it. */
  async function ollama(
    ...args: string[]
  ): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
    const env = { ...readEnvironment(), OLLAMA_HOST: daemon().url, HOME: home }
    try {
      const running = promisify(execFile)(binary, args, { env, timeout: LONGEST_MS })
      // It would wait for more of the question there.
      running.child.stdin?.end()
      const { stdout, stderr } = await running
      return { code: 0, out: stdout, err: stripVTControlCharacters(stderr) }
    } catch (error) {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string }
      return { code, out: stdout, err: stripVTControlCharacters(stderr) }
    }
  }

  test('it warns of no other version', async () => {
    const { out, err } = await ollama('--version')
    expect(`${out}${err}`).toContain('version is 0.17.4')
    expect(`${out}${err}`).not.toMatch(/warning/i)
  })

  test('it lists and shows', async () => {
    expect((await ollama('list')).out).toMatch(/^smollm2\s+[0-9a-f]{12}\s+98 MB\s/m)
    const { out } = await ollama('show', 'smollm2')
    expect(out).toMatch(/architecture\s+llama/)
    expect(out).toMatch(/context length\s+8192/)
    expect(out).toMatch(/quantization\s+Q4_1/)
    expect(out).toMatch(/Capabilities\s+completion/)
  })

  test('it asks, sees the model in memory, and stops it', async () => {
    const { code, out, err } = await ollama('run', 'smollm2', 'What is the capital of France?', '--verbose')
    expect({ code, out }).toEqual({ code: 0, out: expect.stringMatching(/Paris/) })
    for (const figure of [
      'total duration',
      'prompt eval count',
      'prompt eval duration',
      'eval count',
      'eval duration',
    ]) {
      expect(err).toMatch(new RegExp(`^.*${figure}:\\s+[\\d.]+`, 'm'))
    }
    expect((await ollama('ps')).out).toMatch(
      /^smollm2\s+[0-9a-f]{12}\s+\d+ MB\s+100% CPU\s+8192\s+\d+ minutes from now/m,
    )
    expect((await ollama('stop', 'smollm2:latest')).code).toBe(0)
    expect((await ollama('ps')).out).not.toContain('smollm2')
  })

  test('it says what it cannot do, in words that it looks for', async () => {
    const failed = async (...args: string[]): Promise<string> => {
      const { code, err } = await ollama(...args)
      expect(code).toBe(1)
      return err
    }
    expect(await failed('show', 'nothing')).toContain("model 'nothing' not found")
    expect(await failed('stop', 'nothing')).toContain('couldn\'t find model "nothing" to stop')
    expect(await failed('rm', 'nothing')).toContain("model 'nothing' not found")
    expect(await failed('cp', 'smollm2', 'copy')).toContain('models.entries in grym.yaml')
    // What it does not find it pulls.
    expect(await failed('run', 'nothing', 'hi')).toContain("'nothing' cannot be pulled")
  })

  test('it deletes, and pulls what is here already', async () => {
    await placeVariant(models(), 'extra.gguf', 'X')
    expect((await ollama('list')).out).toContain('extra')
    expect((await ollama('rm', 'extra')).out).toContain("deleted 'extra'")
    expect((await ollama('list')).out).not.toContain('extra')
    const { code, err } = await ollama('pull', 'smollm2')
    expect({ code, err }).toEqual({ code: 0, err: expect.stringContaining('success') })
  })
})
