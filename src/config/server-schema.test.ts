import { describe, expect, test } from 'vitest'
import { parseConfigFile } from './config-file.ts'
import { resolveConfig } from './config.ts'
import { serverEntries } from './server-schema.ts'

const PATH = '/etc/grym/grym.yaml'

function problemsOf(server: unknown, name = 'x'): string[] {
  const text = JSON.stringify({ servers: { [name]: server } })
  return parseConfigFile({ path: PATH, text, userHome: '/home/you' }).problems.map(({ message }) => message)
}

describe('a server', () => {
  test('is a command, with all that is said of it', () => {
    const written = {
      command: "llama-server -m 'my model.gguf' --port ${port}",
      port: 8_001,
      env: { A: '1' },
      cwd: '/srv',
      health: '/ready',
      stop: ['docker', 'stop', 'x'],
      startDeadline: '2m',
      memory: '6GiB',
      model: 'm',
      context: 8_192,
      parallel: 2,
      capabilities: ['embedding'],
      engine: 'llama-server',
      stuckAfter: '10s',
      keyFile: '/k',
    }
    expect(serverEntries.parse({ qwen: written })['qwen']).toEqual({
      kind: 'command',
      command: ['llama-server', '-m', 'my model.gguf', '--port', '${port}'],
      port: 8_001,
      env: { A: '1' },
      cwd: '/srv',
      healthPath: '/ready',
      stop: ['docker', 'stop', 'x'],
      startDeadlineMs: 120_000,
      memoryBytes: 6 * 1_024 ** 3,
      model: 'm',
      contextTokens: 8_192,
      parallel: 2,
      capabilities: ['embedding'],
      engine: 'llama-server',
      stuckAfterMs: 10_000,
      key: { kind: 'file', path: '/k' },
    })
  })

  test('needs no more than its command, or its address', () => {
    expect(serverEntries.parse({ a: { command: ['x', '${port}'] }, b: { url: 'http://h.test/v1/' } })).toEqual({
      a: {
        kind: 'command',
        command: ['x', '${port}'],
        port: 0,
        env: {},
        healthPath: '/health',
        startDeadlineMs: 300_000,
        engine: 'auto',
      },
      b: { kind: 'remote', url: 'http://h.test/v1', engine: 'auto' },
    })
  })

  test.each<[string, unknown, string]>([
    ['neither command nor address', {}, 'either a command that is started here, or the url'],
    ['both', { command: 'x ${port}', url: 'http://h.test' }, 'either a command that is started here, or the url'],
    ['a command for an address', { url: 'http://h.test', cwd: '/x' }, 'something for a command, not for a url'],
    ['no place for the port', { command: 'x' }, 'a command with ${port} in it or in env'],
    ['an open quote', { command: "x ${port} 'a" }, 'in which every quote is closed'],
    ['no program', { command: [] }, 'or a list of a program'],
    ['an empty program', { command: ['', '${port}'] }, 'or a list of a program'],
    ['a password in the address', { url: 'http://a:b@h.test' }, 'without a password'],
    ['another protocol', { url: 'ftp://h.test' }, 'http:// or https://'],
    ['two keys', { url: 'http://h.test', keyFile: '/k', keyVariable: 'K' }, 'keyFile says already'],
    ['a variable that is none', { url: 'http://h.test', keyVariable: '$K' }, 'a variable’s name'],
    ['a path that is none', { command: 'x ${port}', health: 'health' }, 'a path that begins with /'],
    ['an unknown key', { url: 'http://h.test', modle: 'x' }, 'did you mean model'],
    ['a port that is none', { command: 'x', port: 65_536 }, 'a whole number from 0 to 65535'],
    ['no memory', { command: 'x ${port}', memory: 0 }, 'a size above 0'],
  ])('with %s is refused', (_, server, words) => {
    expect(problemsOf(server).join('\n')).toContain(words)
  })

  test('with the port beside it needs no place for it, and it may stand in a variable', () => {
    expect(problemsOf({ command: 'x', port: 65_535 })).toEqual([])
    expect(problemsOf({ command: 'x', env: { PORT: '${port}' } })).toEqual([])
  })

  test.each(['', 'a b', '-a', 'a\nb', 'x'.repeat(201)])('has no name like %j', (name) => {
    expect(problemsOf({ url: 'http://h.test' }, name).join('\n')).toContain('a name of letters, digits')
  })

  test('may have a name as models have them', () => {
    expect(problemsOf({ url: 'http://h.test' }, 'Qwen/Qwen3-8B:q4_k_m@x')).toEqual([])
    expect(problemsOf({ url: 'http://h.test' }, 'x'.repeat(200))).toEqual([])
  })

  test('has its paths where its file lies', () => {
    const servers = {
      a: { command: './run ./x ${port}', cwd: '~/w', keyFile: 'k' },
      b: { command: 'run ${port}' },
      c: { url: 'http://h.test', keyFile: '~/k' },
    }
    const file = parseConfigFile({ path: PATH, text: JSON.stringify({ servers }), userHome: '/home/you' })
    const { entries } = resolveConfig({ env: {}, flags: {}, file }).servers
    expect(entries['a']).toMatchObject({
      command: ['/etc/grym/run', './x', '${port}'],
      cwd: '/home/you/w',
      key: { kind: 'file', path: '/etc/grym/k' },
    })
    expect(entries['c']).toMatchObject({ key: { kind: 'file', path: '/home/you/k' } })
    expect(entries['b']).toMatchObject({ command: ['run', '${port}'] })
  })

  test('finds its key in the environment, where it is not shown', () => {
    const servers = {
      a: { url: 'http://h.test', keyVariable: 'A_KEY' },
      b: { url: 'http://h.test', keyVariable: 'B_KEY' },
      c: { url: 'http://h.test', keyVariable: 'C_KEY' },
    }
    const file = parseConfigFile({ path: PATH, text: JSON.stringify({ servers }), userHome: '/home/you' })
    const config = resolveConfig({ env: { A_KEY: ' s3cret\n', C_KEY: ' ' }, flags: {}, file })
    expect(config.servers.keys).toEqual({ a: 's3cret' })
    expect(JSON.stringify(config.values)).not.toContain('s3cret')
    expect(config.notices).toEqual(
      ['b', 'c'].map((name) => {
        const variable = `${name.toUpperCase()}_KEY`
        return `servers.${name}: the variable ${variable} is not set, so the server is asked without a key.`
      }),
    )
  })
})
