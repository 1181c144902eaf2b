import { describe, expect, test } from 'vitest'
import { DEFAULT_ENGINE_OPTIONS } from '../../spec/model.ts'
import { llamaServerArguments } from './llama-server-arguments.ts'
import { flagsIn } from './llama-server-flags.ts'
import { llamaServerCommand } from './llama-server-command.ts'

const DEFINITION = { contextTokens: 4_096, parallel: 2, engine: DEFAULT_ENGINE_OPTIONS }
const PLAIN = { binary: '/bin/llama-server', modelPath: '/m.gguf', definition: DEFINITION, threads: 4 }

describe('the command of a llama-server', () => {
  test('says all that a definition says, and keeps its memory to what is known', () => {
    expect(llamaServerCommand(PLAIN).join(' ')).toBe(
      '/bin/llama-server --model /m.gguf --host 127.0.0.1 --port ${port} --ctx-size 8192 --parallel 2 --no-kv-unified ' +
        '--cache-type-k f16 --cache-type-v f16 --threads 4 --batch-size 256 --ubatch-size 256 --sse-ping-interval 3 ' +
        '--cache-ram 0 --ctx-checkpoints 8 --fit off --no-context-shift --no-webui --offline',
    )
  })

  test('has nothing that an older one would refuse to start for', () => {
    const knownFlags = new Set(['--no-webui', '--no-context-shift'])
    expect(llamaServerCommand({ ...PLAIN, knownFlags }).slice(-2)).toEqual(['--no-context-shift', '--no-webui'])
    expect(llamaServerCommand({ ...PLAIN, knownFlags })).not.toContain('--sse-ping-interval')
    expect(llamaServerCommand({ ...PLAIN, knownFlags })).toContain('--ubatch-size')
  })

  test('is known to understand what its help names', () => {
    const help =
      '-c,    --ctx-size N    size\n-kvu, --kv-unified, -no-kvu, --no-kv-unified\n    use --parallel\n--x-2 N'
    expect([...(flagsIn(help) ?? [])]).toEqual(['--ctx-size', '--kv-unified', '--no-kv-unified', '--parallel', '--x-2'])
    expect(flagsIn('usage: something else --help')).toBeUndefined()
  })

  test('has a template, adapters, checkpoints and a folder for states where they are wanted', () => {
    const loras = [
      { path: '/a', scale: 1 },
      { path: '/b', scale: 0.5 },
      { path: '/c', scale: 1 },
    ]
    const engine = { kvType: 'q8_0', template: '{{ x }}', loras } as const
    const words = llamaServerCommand({
      ...PLAIN,
      definition: { ...DEFINITION, engine, checkpoints: 3 },
      stateFolder: '/s',
      promptCacheMebibytes: 100,
    })
    for (const [flag, value] of [
      ['--cache-type-v', 'q8_0'],
      ['--chat-template', '{{ x }}'],
      ['--lora', '/a,/c'],
      ['--lora-scaled', '/b:0.5'],
      ['--ctx-checkpoints', '3'],
      ['--slot-save-path', '/s'],
      ['--cache-ram', '100'],
    ] as const) {
      expect(words[words.indexOf(flag) + 1]).toBe(value)
    }
  })

  test('evaluates as many tokens at once as are configured', () => {
    const engine = { ...DEFAULT_ENGINE_OPTIONS, batchTokens: 64 }
    expect(llamaServerCommand({ ...PLAIN, definition: { ...DEFINITION, engine } }).join(' ')).toContain(
      ' --batch-size 64 --ubatch-size 64 ',
    )
  })

  test('of a model that embeds takes a whole text at once', () => {
    const words = llamaServerCommand({ ...PLAIN, definition: { ...DEFINITION, onlyEmbeds: true } })
    expect(words).toContain('--embeddings')
    expect(words[words.indexOf('--ubatch-size') + 1]).toBe('4096')
  })

  test('reads back as what it was made of', () => {
    expect(llamaServerArguments(llamaServerCommand(PLAIN))).toEqual({
      modelPath: '/m.gguf',
      contextTokens: 4_096,
      slots: 2,
      onlyEmbeds: false,
      isMapped: true,
    })
  })
})

describe('a command line of llama-server', () => {
  test.each<[string, object]>([
    ['nice -n 5 ./llama-server -m m.gguf -c 8192 -np 4', { modelPath: '/w/m.gguf', contextTokens: 2_048, slots: 4 }],
    ['llama-server -m a.gguf --model b.gguf', { modelPath: '/w/b.gguf' }],
    ['llama-server -c 8192', {}],
    ['llama-server -c 0 -np -1', {}],
    ['llama-server -c 8192 -np 2 --kv-unified', { contextTokens: 8_192, slots: 2 }],
    ['llama-server --embeddings -m /x', { modelPath: '/x', onlyEmbeds: true }],
    ['llama-server --no-mmap', { isMapped: false }],
    ['llama-server -lm none', { isMapped: false }],
    ['llama-server -m', {}],
  ])('%s says %j', (line, said) => {
    const all = { onlyEmbeds: false, isMapped: true, ...said }
    expect(llamaServerArguments(line.split(' '), '/w')).toEqual(all)
  })

  test('of another program says nothing', () => {
    const nothing = { onlyEmbeds: false, isMapped: false }
    expect(llamaServerArguments(['vllm', 'serve', '-m', 'x', '--embeddings'])).toEqual(nothing)
    expect(llamaServerArguments(['my-llama-server-2', '-m', 'x'])).toEqual(nothing)
    expect(llamaServerArguments([])).toEqual(nothing)
  })
})
