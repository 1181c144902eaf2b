import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { type ConfigFile, MAX_CONFIG_FILE_BYTES, parseConfigFile, readConfigFile } from './config-file.ts'
import { type Config, resolveConfig } from './config.ts'
import { OPTIONS } from './options.ts'

const PATH = '/etc/grym/grym.yaml'

function parse(text: string): ConfigFile {
  return parseConfigFile({ path: PATH, text, userHome: '/home/you' })
}

function problemsOf(text: string): string[] {
  return parse(text).problems.map(({ message }) => message)
}

function configOf(text: string, env: Record<string, string> = {}, flags: Record<string, string> = {}): Config {
  return resolveConfig({ env, flags, file: parse(text) })
}

/** What each option can be in the file, and what that is. */
const VALUES: Readonly<Record<string, readonly [written: unknown, value: unknown]>> = {
  listen: ['0.0.0.0:1', '0.0.0.0:1'],
  keys: [
    { you: { sha256: 'B'.repeat(64), keepAlive: -1, priority: 3 } },
    { you: { digest: 'b'.repeat(64), keepAliveMs: null, priority: 3 } },
  ],
  'models.folders': [
    ['~/a', 'b', '/c'],
    ['/home/you/a', '/etc/grym/b', '/c'],
  ],
  'models.ollama': [false, false],
  'models.default': ['m', 'm'],
  'models.contextTokens': [512, 512],
  'models.parallel': [2, 2],
  'models.kvType': ['q8_0', 'q8_0'],
  'models.gpu': ['cuda', 'cuda'],
  'models.gpuLayers': [12, 12],
  'models.entries': [{ a: 'b' }, { a: { source: { kind: 'model', name: 'b' }, aliases: [], settings: {} } }],
  'limits.maxModelsLoaded': [5, 5],
  'limits.memoryThreshold': [0.5, 0.5],
  'limits.inactivityTimeout': [60_000, 60_000],
  'limits.loadTimeout': ['1m', 60_000],
  'limits.maxQueuedRequests': [7, 7],
  'limits.whenFull': ['reject', 'reject'],
  'monitoring.sampleIntervalMs': [200, 200],
  'monitoring.intervalMs': [200, 200],
  modelSizes: [
    { a: 14_000, 'b:1': 0.5 },
    { a: 14_000, 'b:1': 0.5 },
  ],
  'buffers.context.initial': [1, 1],
  'buffers.context.max': [5_000, 5_000],
  'buffers.context.compressionThreshold': [0, 0],
  'buffers.working.initial': [1, 1],
  'buffers.working.max': [5_000, 5_000],
  'buffers.working.optimizationThreshold': [1, 1],
  'memoryPressure.warning': [0.6, 0.6],
  'memoryPressure.critical': [0.8, 0.8],
  'memoryPressure.action': ['cache', 'cache'],
  debug: [true, true],
  'contextPreservation.enabled': [false, false],
  'contextPreservation.preservationStrategy': ['lru', 'lru'],
  'contextPreservation.maxPreservedContexts': [9, 9],
  'contextPreservation.preservationThreshold': [0.1, 0.1],
  'contextPreservation.summarizationConfig.maxTokens': [9, 9],
  'contextPreservation.summarizationConfig.method': ['abstractive', 'abstractive'],
  'contextPreservation.summarizationConfig.preserveRecentMessages': [0, 0],
  'contextPreservation.summarizationConfig.compressionRatio': [0.1, 0.1],
  'contextPreservation.summarizationConfig.minPreservedQuality': [0.1, 0.1],
  'conversations.keep': [false, false],
  'conversations.maxCount': [9, 9],
  'conversations.maxBytes': ['2GiB', 2_147_483_648],
  'conversations.maxAge': ['7d', 604_800_000],
  'conversations.exceptKeys': [['B'.repeat(64)], ['b'.repeat(64)]],
  'kvcache.enabled': [false, false],
  'kvcache.maxBytes': ['2GiB', 2_147_483_648],
  'kvcache.maxEntries': [9, 9],
  'kvcache.writeBudgetBytesPerHour': [0, 0],
  'kvcache.minTokens': [1, 1],
  'kvcache.ttl': [-1, Infinity],
  'kvcache.encrypt': [true, true],
  'kvcache.compression': ['off', 'off'],
  'kvcache.folder': ['/fast', '/fast'],
  'journal.maxRows': [9, 9],
  'journal.maxAge': ['7d', 604_800_000],
  'http.maxBodyBytes': ['1MiB', 1_048_576],
  'http.keepAliveAfterMs': [200, 200],
  'http.allowedHosts': [
    ['a', 'b'],
    ['a', 'b'],
  ],
  'log.level': ['warn', 'warn'],
  'engines.ollama': ['http://o.test', 'http://o.test'],
  'engines.lmStudio': ['off', 'off'],
  'engines.lmStudioToken': ['t', 't'],
  'engines.llamaServer': ['off', 'off'],
  servers: [
    { far: { url: 'https://h.test/v1/' } },
    { far: { kind: 'remote', url: 'https://h.test/v1', engine: 'auto' } },
  ],
  'pull.hfEndpoint': ['https://m.test', 'https://m.test'],
  'pull.hfToken': ['t', 't'],
  'pull.pipIndexUrl': ['https://p.test', 'https://p.test'],
}

function nest(key: string, value: unknown): unknown {
  return key.split('.').reduceRight<unknown>((inner, part) => ({ [part]: inner }), value)
}

const IN_FILE = OPTIONS.filter(({ scope }) => scope !== 'outside')

describe.each(IN_FILE.map((option) => [option.key, option] as const))('%s in the file', (key, { env, flag }) => {
  const [written, value] = VALUES[key] ?? ['not in the table of this test', undefined]
  const text = `# grym\n${stringify(nest(key, written))}`

  test('counts, and it is known from which line', () => {
    const config = configOf(text)
    expect(config.values[key]).toEqual(value)
    expect(config.origins[key]).toBe('file')
    expect(config.sources[key]).toBe(`grym.yaml:${key.split('.').length + 1}`)
    expect(config.configFile).toBe(PATH)
  })

  test('gives way to the environment and to a flag', () => {
    const given = typeof written === 'object' ? 'c'.repeat(64) : `${written as string | number}`
    const byEnv = env === undefined ? [] : [configOf(text, { [env]: given }).origins[key]]
    const byFlag = flag === undefined ? [] : [configOf(text, {}, { [flag]: given }).origins[key]]
    const names = [env && 'environment', flag && 'flag'].filter((name) => name !== undefined)
    expect([...byEnv, ...byFlag]).toEqual(names)
  })

  test('of a wrong kind is refused with line, key and value', () => {
    for (const bad of [{ nothing: [1] }, [[1]], -7]) {
      const [problem = ''] = problemsOf(stringify(nest(key, bad)))
      expect(problem).toMatch(/^grym\.yaml:\d+ \(/)
      expect(problem).toContain(key)
    }
  })
})

test.each(['config', 'home'])('%s is not for the file, which is found by it', (key) => {
  expect(problemsOf(`${key}: /x`)[0]).toMatch(/^grym\.yaml:1 \(.*cannot be set in the file.*--.* or GRYM_/)
})

describe('all that is wrong is told at once', () => {
  test('each with its line, its key, its value and what is allowed', () => {
    const text = `limits:
  maxModelsLoaded: many
  inactivityTimout: 5m
maxQueuedRequests: 4
models:
  entries:
    gpt:
      sampling: { temprature: 1, topP: 4 }
      lora: [{ path: x, scal: 3 }]
    bad: 12
modelSizes:
  a: -1
`
    expect(problemsOf(text)).toEqual([
      expect.stringMatching(/^grym\.yaml:2 \(limits\.maxModelsLoaded\): 'many' is not allowed: a whole number from 1/),
      expect.stringMatching(/^grym\.yaml:3 \(limits\.inactivityTimout\): .* did you mean inactivityTimeout\?$/),
      expect.stringMatching(/^grym\.yaml:4 \(maxQueuedRequests\): .* did you mean limits\.maxQueuedRequests\?$/),
      expect.stringMatching(/^grym\.yaml:8 \(models\.entries\.gpt\.sampling\.topP\): 4 is not allowed: a number above/),
      expect.stringMatching(/^grym\.yaml:8 \(models\.entries\.gpt\.sampling\): 'temprature' .* temperature\?$/),
      expect.stringMatching(/^grym\.yaml:9 \(models\.entries\.gpt\.lora\.0\): 'scal' is no key; did you mean scale\?$/),
      expect.stringMatching(/^grym\.yaml:10 \(models\.entries\.bad\): 12 is not allowed: a name/),
      expect.stringMatching(/^grym\.yaml:12 \(modelSizes\.a\): -1 is not allowed: a size in MB/),
    ])
    expect(() => configOf(text)).toThrow(expect.objectContaining({ reason: 'config-invalid' }))
  })

  test('up to 20, the rest is counted', () => {
    const text = (count: number): string => Array.from({ length: count }, (_, index) => `zz${index}: 1\n`).join('')
    const messageOf = (count: number): string => {
      try {
        configOf(text(count))
        return ''
      } catch (error) {
        return error instanceof Error ? error.message : ''
      }
    }
    expect(messageOf(1).split('\n')).toHaveLength(1)
    expect(messageOf(20).split('\n')).toHaveLength(21)
    expect(messageOf(21).split('\n')).toHaveLength(22)
    expect(messageOf(25)).toContain('… and 5 more.')
    expect(messageOf(99)).toContain('… and 79 more.')
    expect(messageOf(20_000)).toContain('… and at least 80 more.')
  })

  test('secrets are not', () => {
    expect(problemsOf('pull: { pipIndexUrl: "ftp://me:hunter2@p.test" }').join()).not.toContain('hunter2')
    expect(problemsOf('pull: { hfToken: { hunter2: hunter2 } }').join()).not.toContain('hunter2')
  })
})

describe('values that contradict each other', () => {
  test.each([
    ['memoryPressure: { warning: 0.95 }', /memoryPressure\.warning\): 0\.95 .* which is 0\.9 \(default\)/],
    ['buffers: { context: { initial: 4001 } }', /buffers\.context\.initial\): 4001 .* which is 4000/],
    ['models: { entries: { a: b, b: a } }', /models\.entries\.a\): it leads to no model: a → b → a/],
  ])('%s', (text, expected) => {
    expect(() => configOf(text)).toThrow(expected)
  })

  test('equal ones do not', () => {
    expect(configOf('memoryPressure: { warning: 0.9, critical: 0.9 }').memoryPressure.warning).toBe(0.9)
  })
})

describe('YAML', () => {
  test.each([
    ['nothing', ''],
    ['comments', '# limits:\n#   maxModelsLoaded: 3\n'],
    ['a byte order mark', '\uFEFFlimits: {}'],
    ['groups of which all is a comment', 'limits:\n  # maxModelsLoaded: 3\nmodels:\n  entries:\nmodelSizes:\n'],
    ['an anchor', 'models: { entries: { a: { sampling: &s { topK: 1 } }, b: { sampling: *s } } }'],
  ])('%s is in order', (_name, text) => {
    expect(problemsOf(text)).toEqual([])
  })

  test.each<[string, string, RegExp]>([
    ['a key twice', 'debug: true\ndebug: false', /^grym\.yaml:2 \(debug\): it stands there twice\.$/],
    ['a key twice further in', 'modelSizes:\n  a: 1\n  "a": 2', /^grym\.yaml:3 \(a\): it stands there twice\.$/],
    ['what is too deep', '['.repeat(20_000) + ']'.repeat(20_000), /^grym\.yaml:1: It is nested too deep\.$/],
    ['a second document', 'debug: true\n---\ndebug: true', /^grym\.yaml:\d: Source contains multiple documents/],
    ['an unknown tag', 'debug: !!js/function x', /^grym\.yaml:1: Unresolved tag/],
    ['a quote that is open', 'models: { default: "x', /^grym\.yaml:1: /],
    ['a tab', 'models:\n\tdefault: x', /^grym\.yaml:2: Tabs are not allowed/],
    ['a list', '- a', /^grym\.yaml: \[ 'a' \] is not allowed: keys with values/],
    ['a text', 'hello', /^grym\.yaml: 'hello' is not allowed/],
    ['an anchor that is nowhere', 'debug: *x', /Unresolved alias/],
    ['a key that is a list', '? [a]\n: 1', /^grym\.yaml:1 \(\[ a \]\): .* is no key/],
    ['a prototype', '__proto__: { debug: true }', /^grym\.yaml:1 \(__proto__\): '__proto__' is no key/],
    ['a cycle', 'models: &m { entries: *m }', /^grym\.yaml:1 \(models\.entries\): it contains itself/],
    ['a value that is missing', 'models: { default: }', /^grym\.yaml:1 \(models\.default\): null is not allowed/],
    ['a number that is none', 'limits: { memoryThreshold: .nan }', /: NaN is not allowed/],
    ['a number without end', 'limits: { loadTimeout: .inf }', /: Infinity is not allowed/],
    ['a word for yes', 'debug: yes', /: 'yes' is not allowed: true or false/],
    ['a text that is a number', 'limits: { maxModelsLoaded: "3" }', /: '3' is not allowed: a whole number/],
  ])('%s is refused', (_name, text, expected) => {
    expect(problemsOf(text).join('\n')).toMatch(expected)
  })

  test('anchors in anchors do not unfold', () => {
    const bomb = Array.from({ length: 9 }, (_, level) =>
      level === 0 ? 'a0: &a0 [x, x]' : `a${level}: &a${level} [${`*a${level - 1}, `.repeat(10)}]`,
    ).join('\n')
    expect(problemsOf(bomb)).toEqual([expect.stringMatching(/^grym\.yaml: its anchors unfold into too much/)])
  })

  test('any text at all is read, or its problems are named', () => {
    const piece = fc.oneof(
      fc.string({ maxLength: 12 }),
      fc.constantFrom('\n', ': ', '  ', '- ', '{', '}', '&a ', '*a', 'models', 'entries', 'limits', '? ', '!!x ', '|'),
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        for (const { message } of parse(pieces.join('')).problems) expect(message).toMatch(/^grym\.yaml/)
      }),
      { numRuns: 1_000 },
    )
  })
})

test.each([
  [31, false],
  [32, true],
  [8_192, true],
  [8_193, false],
])('a batch of %i tokens is taken: %s', (batchTokens, isTaken) => {
  const read = (): unknown => configOf(`models: { entries: { a: { batchTokens: ${batchTokens} } } }`)
  if (!isTaken) expect(read).toThrow(/models\.entries\.a\.batchTokens/)
  else expect(read()).toMatchObject({ entries: { a: { settings: { batchTokens } } } })
})

describe('paths in the file', () => {
  test('are relative to it, and ~ is the user’s own folder', () => {
    const { entries, modelFolders } = configOf(`models:
  folders: a:~/b
  entries:
    one: { source: ./m.gguf, template: "file:t.jinja", lora: [l.gguf, { path: ~/l, scale: 0.5 }] }
    two: { source: ~/m.gguf, template: "{{ messages }}" }
    three: smollm2
`)
    expect(modelFolders).toEqual(['/etc/grym/a', '/home/you/b'])
    expect(entries['one']).toMatchObject({
      source: { kind: 'file', path: '/etc/grym/m.gguf' },
      settings: {
        template: { kind: 'file', path: '/etc/grym/t.jinja' },
        loras: [
          { path: '/etc/grym/l.gguf', scale: 1 },
          { path: '/home/you/l', scale: 0.5 },
        ],
      },
    })
    expect(entries['two']).toMatchObject({
      source: { path: '/home/you/m.gguf' },
      settings: { template: { kind: 'text', text: '{{ messages }}' } },
    })
    expect(entries['three']?.source).toEqual({ kind: 'model', name: 'smollm2' })
  })
})

describe('a file on disk', () => {
  let folder = ''
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'grym-config-'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  const write = async (content: string | Buffer): Promise<string> => {
    const path = join(folder, 'grym.yaml')
    await writeFile(path, content)
    return path
  }

  test('is read', async () => {
    const { values, path } = readConfigFile(await write('debug: true'), '/home/you')
    expect(values.get('debug')).toEqual({ value: true, source: 'grym.yaml:1' })
    expect(path).toBe(join(folder, 'grym.yaml'))
  })

  test('of 1 MiB is read, one byte more is not', async () => {
    const text = 'debug: true\n#'
    const full = text.padEnd(MAX_CONFIG_FILE_BYTES, ' ')
    expect(readConfigFile(await write(full), '/').values.size).toBe(1)
    const larger = await write(`${full} `)
    expect(() => readConfigFile(larger, '/')).toThrow(/larger than 1048576 bytes/)
  })

  test('that is none is refused, and so is what is no text', async () => {
    await mkdir(join(folder, 'sub'))
    const rejects = (path: string, why: RegExp): void => {
      expect(() => readConfigFile(path, '/')).toThrow(expect.objectContaining({ reason: 'config-invalid' }))
      expect(() => readConfigFile(path, '/')).toThrow(why)
    }
    rejects(join(folder, 'sub'), /it is a folder/)
    rejects(join(folder, 'absent.yaml'), /it cannot be read \(ENOENT/)
    rejects('/dev/null', /no ordinary file/)
    rejects(await write(Buffer.from([0x64, 0xff, 0xfe])), /not UTF-8/)
  })
})

test('a first size that nobody has set gives way to a largest one', () => {
  expect(configOf('buffers: { working: { max: 999 } }').buffers.working).toMatchObject({ maxBytes: 999_000_000 })
  expect(() => configOf('buffers: { working: { initial: 1000, max: 999 } }')).toThrow(/initial.*1000.*999/)
})

test('an entry that leads nowhere is named with its own line', () => {
  expect(() => configOf('models:\n  entries:\n    fine: x\n    a: b\n    b: a')).toThrow(
    /grym\.yaml:4 \(models\.entries\.a\)/,
  )
})
