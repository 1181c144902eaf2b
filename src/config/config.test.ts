import { homedir } from 'node:os'
import { delimiter, resolve } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DEFAULT_SETTINGS } from '../spec/settings.ts'
import { type Config, type ConfigInput, resolveConfig } from './config.ts'
import { OPTIONS } from './options.ts'
import { stateFolderOf } from './state-folder.ts'

function configOf(env: ConfigInput['env'] = {}, flags: ConfigInput['flags'] = {}): Config {
  return resolveConfig({ env, flags })
}

/** The message with which it is refused. */
function refusal(env: ConfigInput['env'], flags: ConfigInput['flags'] = {}): string {
  try {
    configOf(env, flags)
  } catch (error) {
    expect(error).toMatchObject({
      name: 'ResourceError',
      reason: 'invalid-request',
      details: { key: expect.any(String) },
    })
    return error instanceof Error ? error.message : ''
  }
  throw new Error('It was accepted.')
}

const platformFolder = stateFolderOf({}, undefined, '/', process.platform)

/** What each option can be given, and where it is found: by variable, by flag, and unset. */
const VALUES: Readonly<
  Record<string, readonly [env: string, flag: string, read: (config: Config) => unknown, ...unknown[]]>
> = {
  home: ['/env', '/flag', (config) => config.home, resolve('/env'), resolve('/flag'), platformFolder],
  listen: ['h:1', '', ({ listen }) => `${listen.host}:${listen.port}`, 'h:1', '', '127.0.0.1:11500'],
  apiKey: ['k', '', (config) => config.apiKey, 'k', '', undefined],
  'models.folders': ['/m', '', (config) => config.modelFolders, [resolve('/m')], [], []],
  'models.ollama': ['no', '', ({ ollamaFolders }) => ollamaFolders.length > 0, false, '', true],
  'models.default': ['a', 'b', (config) => config.defaultModel, 'a', 'b', 'smollm2'],
  'models.contextTokens': ['300', '400', (config) => config.contextTokens, 300, 400, 8_192],
  'models.parallel': ['2', '3', (config) => config.parallel, 2, 3, 1],
  'models.kvType': ['q8_0', 'q4_0', (config) => config.kvType, 'q8_0', 'q4_0', 'f16'],
  'models.gpu': ['off', 'vulkan', (config) => config.gpu, 'off', 'vulkan', 'auto'],
  'models.gpuLayers': ['0', '20', (config) => config.mostGpuLayers, 0, 20, 1_000],
  'limits.maxModelsLoaded': ['5', '6', (config) => config.settings.limits.maxModelsLoaded, 5, 6, 3],
  'limits.memoryThreshold': ['0.5', '0.6', (config) => config.settings.limits.memoryThreshold, 0.5, 0.6, 0.8],
  'limits.inactivityTimeout': ['1m', '2m', (config) => config.idleTimeoutMs, 60_000, 120_000, 300_000],
  'limits.loadTimeout': ['1m', '2m', (config) => config.settings.limits.loadTimeoutMs, 60_000, 120_000, 300_000],
  'limits.maxQueuedRequests': ['7', '8', (config) => config.settings.limits.maxQueuedRequests, 7, 8, 512],
  'limits.whenFull': ['reject', 'evict', (config) => config.settings.limits.whenFull, 'reject', 'evict', 'evict'],
  'monitoring.sampleIntervalMs': ['200', '', (config) => config.settings.sampling.intervalMs, 200, '', 1_000],
  'monitoring.intervalMs': ['200', '', (config) => config.settings.sampling.publishIntervalMs, 200, '', 5_000],
  'memoryPressure.warning': ['0.5', '', (config) => config.memoryPressure.warning, 0.5, '', 0.7],
  'memoryPressure.critical': ['0.95', '', (config) => config.memoryPressure.critical, 0.95, '', 0.9],
  debug: ['yes', '', (config) => config.debug, true, '', false],
  'conversations.keep': ['off', '', (config) => config.conversations.keep, false, '', true],
  'conversations.maxCount': ['7', '', (config) => config.conversations.maxCount, 7, '', 200_000],
  'conversations.maxBytes': ['1MiB', '', (config) => config.conversations.maxBytes, 1_048_576, '', 1_073_741_824],
  'conversations.maxAge': ['1h', '', (config) => config.conversations.maxAgeMs, 3_600_000, '', 2_592_000_000],
  'conversations.exceptKeys': [
    `${'A'.repeat(64)},${'1'.repeat(64)}`,
    '',
    (config) => config.conversations.exceptKeys,
    ['a'.repeat(64), '1'.repeat(64)],
    '',
    [],
  ],
  'kvcache.enabled': ['no', '', (config) => config.kvcache.isEnabled, false, '', true],
  'kvcache.maxBytes': ['1MiB', '', (config) => config.kvcache.maxBytes, 1_048_576, '', 4_294_967_296],
  'kvcache.maxEntries': ['7', '', (config) => config.kvcache.maxEntries, 7, '', 10_000],
  'kvcache.writeBudgetBytesPerHour': [
    ...(['0', ''] as const),
    (config) => config.kvcache.writeBudgetBytesPerHour,
    ...[0, '', 8_589_934_592],
  ],
  'kvcache.minTokens': ['7', '', (config) => config.kvcache.minTokens, 7, '', 256],
  'kvcache.ttl': ['-1', '', (config) => config.kvcache.ttlMs, null, '', 2_592_000_000],
  'kvcache.encrypt': ['yes', '', (config) => config.kvcache.isEncrypted, true, '', false],
  'kvcache.compression': ['off', '', (config) => config.kvcache.compression, 'off', '', 'auto'],
  'kvcache.folder': ['/fast', '', (config) => config.kvcache.folder, resolve('/fast'), '', undefined],
  'journal.maxRows': ['7', '', (config) => config.journal.maxRows, 7, '', 100_000],
  'journal.maxAge': ['1d', '', (config) => config.journal.maxAgeMs, 86_400_000, '', 2_592_000_000],
  'http.maxBodyBytes': ['1MiB', '2MB', (config) => config.http.maxBodyBytes, 1_048_576, 2_000_000, 33_554_432],
  'http.keepAliveAfterMs': ['200', '', (config) => config.http.keepAliveAfterMs, 200, '', 10_000],
  'http.allowedHosts': ['a, b', 'c,', (config) => config.http.allowedHosts, ['a', 'b'], ['c'], []],
  'log.level': ['debug', 'warn', (config) => config.logLevel, 'debug', 'warn', 'info'],
  'engines.ollama': [
    'http://o.test/',
    '',
    (config) => config.engines.ollama,
    { url: 'http://o.test', isExpected: true },
    '',
    { url: 'http://127.0.0.1:11434', isExpected: false },
  ],
  'engines.lmStudio': [
    'off',
    '',
    (config) => config.engines.lmStudio,
    null,
    '',
    { url: 'http://127.0.0.1:1234', isExpected: false },
  ],
  'engines.lmStudioToken': ['t', '', (config) => config.engines.lmStudioToken, 't', '', undefined],
  'engines.llamaServer': ['/l', '', (config) => config.engines.llamaServer, '/l', '', 'auto'],
  'pull.hfEndpoint': ['https://m.test', '', (config) => config.pull.hfEndpoint, 'https://m.test', '', undefined],
  'pull.hfToken': ['t', '', (config) => config.pull.hfToken, 't', '', undefined],
  'pull.pipIndexUrl': ['https://p.test', '', (config) => config.pull.pipIndexUrl, 'https://p.test', '', undefined],
}

/** `config` leads to a file, which is read elsewhere. */
const FROM_OUTSIDE = OPTIONS.filter(({ key, env, flag }) => key !== 'config' && (env ?? flag) !== undefined)

describe.each(FROM_OUTSIDE.map((option) => [option.key, option] as const))('%s', (key, option) => {
  const [envText = '', flagText = '', read = () => 'not in the table of this test', ofEnv, ofFlag, unset] =
    VALUES[key] ?? []
  const env = option.env === undefined ? {} : { [option.env]: envText }
  const flags = option.flag === undefined ? {} : { [option.flag]: flagText }

  test('unset, has its default, and an empty variable is unset', () => {
    const expected = key === 'pull.hfEndpoint' ? option.defaultValue : unset
    for (const config of [configOf(), configOf(option.env === undefined ? {} : { [option.env]: '' })]) {
      expect(read(config)).toEqual(expected)
      expect(config.origins[key]).toBe('default')
    }
  })

  test('comes from the environment, and from the flag before that; it is known from where', () => {
    const config = configOf(env)
    expect(read(config)).toEqual(ofEnv)
    expect(config.origins[key]).toBe('environment')
    const both = configOf(env, flags)
    expect(read(both)).toEqual(option.flag === undefined ? ofEnv : ofFlag)
    expect(both.origins[key]).toBe(option.flag === undefined ? 'environment' : 'flag')
  })

  test('given by another option’s name it stays what it was', () => {
    const others = FROM_OUTSIDE.filter((other) => other.key !== key && other.key !== 'debug')
    const config = configOf(Object.fromEntries(others.map((other) => [other.env ?? '', VALUES[other.key]?.[0]])))
    expect(config.origins[key]).toBe('default')
    expect(read(config)).toEqual(read(configOf()))
  })
})

describe('limits', () => {
  test.each([
    ['GRYM_CONTEXT_TOKENS', 256, 16_777_216],
    ['GRYM_MAX_MODELS_LOADED', 1, 1_000],
    ['GRYM_MAX_QUEUED_REQUESTS', 1, 1_000_000],
    ['GRYM_SAMPLING_INTERVAL_MS', 100, 3_600_000],
    ['GRYM_METRICS_INTERVAL_MS', 100, 3_600_000],
    ['GRYM_KEEP_ALIVE_AFTER_MS', 100, 600_000],
  ])('%s: from %i to %i, whole, neither one less nor one more', (name, least, most) => {
    const { key } = OPTIONS.find(({ env }) => env === name) ?? { key: '' }
    const read = VALUES[key]?.[2]
    expect(read?.(configOf({ [name]: String(least) }))).toBe(least)
    expect(read?.(configOf({ [name]: String(most) }))).toBe(most)
    for (const text of [least - 1, most + 1, least + 0.5, 'many', '-1', ' ', 'NaN', 'Infinity'].map(String)) {
      expect(refusal({ [name]: text })).toContain(`${name} (${key}): '${text}' is not allowed`)
    }
  })

  test('GRYM_MEMORY_THRESHOLD: above 0, up to 1', () => {
    for (const text of ['0.000001', '0.5', '1']) {
      expect(configOf({ GRYM_MEMORY_THRESHOLD: text }).settings.limits.memoryThreshold).toBe(Number(text))
    }
    for (const text of ['0', '-0.1', '1.000001', '80', '80%']) {
      expect(refusal({ GRYM_MEMORY_THRESHOLD: text })).toContain(`'${text}' is not allowed`)
    }
  })

  test('GRYM_MAX_BODY: at least one byte', () => {
    expect(configOf({ GRYM_MAX_BODY: '1' }).http.maxBodyBytes).toBe(1)
    expect(configOf({}, { '--max-body': 1 }).http.maxBodyBytes).toBe(1)
    for (const text of ['0', '0 MB', '-1', '1 elephant', '99999999999TB']) {
      expect(refusal({ GRYM_MAX_BODY: text })).toContain(`GRYM_MAX_BODY (http.maxBodyBytes): '${text}' is not allowed`)
    }
    expect(refusal({}, { '--max-body': 0 })).toContain('--max-body (http.maxBodyBytes)')
  })

  test('GRYM_LOAD_TIMEOUT: more than nothing, and with an end', () => {
    expect(configOf({ GRYM_LOAD_TIMEOUT: '1ms' }).settings.limits.loadTimeoutMs).toBe(1)
    for (const text of ['0', '0ms', '-1', 'soon']) {
      expect(refusal({ GRYM_LOAD_TIMEOUT: text })).toContain(`GRYM_LOAD_TIMEOUT (limits.loadTimeout): '${text}'`)
    }
  })

  test('GRYM_INACTIVITY_TIMEOUT: 0 unloads at once, -1 is no timer', () => {
    expect(configOf({ GRYM_INACTIVITY_TIMEOUT: '0' }).idleTimeoutMs).toBe(0)
    const never = configOf({ GRYM_INACTIVITY_TIMEOUT: '-1' })
    expect(never.idleTimeoutMs).toBeNull()
    expect(never.settings.limits.inactivityTimeoutMs).toBe(Infinity)
    expect(refusal({ GRYM_INACTIVITY_TIMEOUT: 'later' })).toMatch(/'later' is not allowed: .*5m.*-1 = no timer\./)
  })

  test('texts: at most 4,096 characters', () => {
    expect(configOf({ GRYM_DEFAULT_MODEL: 'm'.repeat(4_096) }).defaultModel).toHaveLength(4_096)
    expect(refusal({ GRYM_DEFAULT_MODEL: 'm'.repeat(4_097) })).toContain('GRYM_DEFAULT_MODEL (models.default)')
  })

  test('choices: one of those that there are, and the message names them', () => {
    expect(refusal({ GRYM_WHEN_FULL: 'panic' })).toMatch(/'panic' is not allowed: .*evict.*reject/)
    expect(refusal({}, { '--log-level': 'loud' })).toMatch(/--log-level \(log.level\): 'loud' is not allowed: .*debug/)
  })

  test.each(['ftp://mirror.test', 'mirror.test', 'https://'])('HF_ENDPOINT: %s is no web address', (text) => {
    expect(refusal({ HF_ENDPOINT: text })).toContain(`HF_ENDPOINT (pull.hfEndpoint): '${text}' is not allowed`)
  })
})

describe('a refused value', () => {
  test('is shown with its name, its key, the reason and what the option is', () => {
    expect(refusal({ GRYM_CONTEXT_TOKENS: '5' })).toMatch(
      /^GRYM_CONTEXT_TOKENS \(models\.contextTokens\): '5' is not allowed: .*256.*\. Context window in tokens/,
    )
    expect(refusal({ GRYM_CONTEXT_TOKENS: '300' }, { '--context': 5 })).toMatch(/^--context \(models\.contextTokens\)/)
  })

  test('from a flag is refused although the environment’s would do, and the other way round it is not looked at', () => {
    expect(refusal({ GRYM_MAX_MODELS_LOADED: '5' }, { '--max-models': '0' })).toContain('--max-models')
    expect(configOf({ GRYM_MAX_MODELS_LOADED: '0' }, { '--max-models': '5' }).settings.limits.maxModelsLoaded).toBe(5)
  })

  test('an empty flag is a value, and refused: only an empty variable is unset', () => {
    expect(refusal({}, { '--default-model': '' })).toContain('--default-model')
    expect(refusal({}, { '--context': '' })).toContain('--context')
  })

  test('that is long is shown in part', () => {
    const message = refusal({ GRYM_WHEN_FULL: 'x'.repeat(10_000) })
    expect(message).toContain(`'${'x'.repeat(100)}'`)
    expect(message.length).toBeLessThan(500)
  })

  test.each([
    ['HF_TOKEN', 'hunter2'.repeat(1_000)],
    ['PIP_INDEX_URL', 'ftp://someone:hunter2@index.test/simple'],
    ['PIP_INDEX_URL', 'hunter2'],
  ])('of %s is secret: it is in no part of the error', (name, value) => {
    const message = refusal({ [name]: value })
    expect(message).toMatch(new RegExp(`^${name} \\(.*\\): its value is not allowed: `))
    try {
      configOf({ [name]: value })
    } catch (error) {
      expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('hunter2')
      expect(error).not.toHaveProperty('cause')
    }
  })
})

describe('the address', () => {
  test.each<[string, string | undefined, ConfigInput['flags'], string, number]>([
    ['is loopback and 11500', undefined, {}, '127.0.0.1', 11_500],
    ['comes from GRYM_HOST', 'http://0.0.0.0:1/', {}, '0.0.0.0', 1],
    ['keeps GRYM_HOST’s port when only the host is given', '0.0.0.0:1', { '--host': 'h' }, 'h', 1],
    ['keeps GRYM_HOST’s host when only the port is given', '0.0.0.0:1', { '--port': 2 }, '0.0.0.0', 2],
    ['takes both from the flags', '0.0.0.0:1', { '--host': 'h', '--port': '2' }, 'h', 2],
    ['takes the port that stands in --host', '0.0.0.0:1', { '--host': 'http://h:3/' }, 'h', 3],
    ['takes --port before the port in --host', '0.0.0.0:1', { '--host': 'h:3', '--port': '2' }, 'h', 2],
    ['may be an IPv6 one', '[::]:1', { '--host': '[::1]' }, '::1', 1],
    ['may have any free port', undefined, { '--port': 0 }, '127.0.0.1', 0],
    ['may have the last port', undefined, { '--port': '65535' }, '127.0.0.1', 65_535],
  ])('%s', (_, grymHost, flags, host, port) => {
    expect(configOf({ GRYM_HOST: grymHost }, flags).listen).toEqual({ host, port })
  })

  test('knows where it came from', () => {
    expect(configOf({ GRYM_HOST: 'h' }).origins['listen']).toBe('environment')
    expect(configOf({ GRYM_HOST: 'h' }, { '--host': 'i' }).origins['listen']).toBe('flag')
    expect(configOf({}, { '--port': 0 }).origins['listen']).toBe('flag')
  })

  test.each(['-1', '65536', '1.5', 'http', '', ' ', 'NaN'])('has no port %j', (port) => {
    expect(refusal({}, { '--port': port })).toBe(
      `--port (listen): '${port}' is not allowed: a whole number from 0 to 65535.`,
    )
  })

  test('that is none is refused with the name under which it was given', () => {
    expect(refusal({ GRYM_HOST: 'a b' })).toMatch(/^GRYM_HOST \(listen\): 'a b' is not allowed: an address: /)
    expect(refusal({ GRYM_HOST: 'h' }, { '--host': 'a b' })).toMatch(/^--host \(listen\): 'a b' is no address/)
  })
})

describe('the rest', () => {
  test('model folders are joined like PATH, empty ones left out, each made absolute', () => {
    const GRYM_MODELS = ['/one', '', 'two', ''].join(delimiter)
    expect(configOf({ GRYM_MODELS }).modelFolders).toEqual([resolve('/one'), resolve('two')])
  })

  test('the user’s own folder is HOME, else what the system says', () => {
    expect(configOf({ HOME: '/somewhere' }).userHome).toBe('/somewhere')
    expect(configOf({ HOME: '' }).userHome).toBe(homedir())
    expect(configOf({}).userHome).toBe(homedir())
  })

  test('debug is the log’s level while it is on', () => {
    expect(configOf({ GRYM_DEBUG: '1' }, { '--log-level': 'error' }).logLevel).toBe('debug')
    expect(configOf({ GRYM_DEBUG: '0' }, { '--log-level': 'error' }).logLevel).toBe('error')
  })

  test('hints for folders and proxies are handed on', () => {
    const config = configOf({ XDG_CONFIG_HOME: '/c', https_proxy: 'http://p' })
    expect(config).toMatchObject({ xdgConfigHome: '/c' })
    expect(config.pull.proxies).toEqual({ httpProxy: undefined, httpsProxy: 'http://p', noProxy: undefined })
  })

  test('what no option sets is the settings’ default', () => {
    expect(configOf().settings).toEqual(DEFAULT_SETTINGS)
  })

  test('unknown variables and flags change nothing', () => {
    expect(configOf({ GRYM_NONSENSE: '1' }, { '--nonsense': 1, '--port': undefined })).toEqual(configOf())
  })

  test('it is frozen, with all that it holds', () => {
    const expectFrozen = (value: unknown): void => {
      if (typeof value !== 'object' || value === null) return
      expect(Object.isFrozen(value)).toBe(true)
      Object.values(value).forEach(expectFrozen)
    }
    expectFrozen(configOf({ GRYM_MODELS: '/m', GRYM_ALLOWED_HOSTS: 'a,b' }))
  })

  test('any values at all give a configuration or an invalid request', () => {
    const names = OPTIONS.flatMap(({ env }) => env ?? [])
    const values = fc.oneof(fc.string(), fc.constantFrom('0', '1', '-1', '5m', '1GiB', 'evict', 'http://a.test', 'NaN'))
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...names), values), (env) => {
        try {
          expect(Object.keys(configOf(env).origins)).toEqual(OPTIONS.map(({ key }) => key))
        } catch (error) {
          // What is wrong only beside another value is no one's alone.
          const isBeside = error instanceof Error && error.message.includes('at most memoryPressure.critical')
          expect(error).toMatchObject({ reason: isBeside ? 'config-invalid' : 'invalid-request' })
        }
      }),
    )
  })
})
