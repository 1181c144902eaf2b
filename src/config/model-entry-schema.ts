import { z } from 'zod'
import { MOST_GPU_LAYERS } from '../spec/gpu.ts'
import type { ModelEntryConfig } from '../spec/guide-config.ts'
import type { LoraAdapter, ModelEntries, ModelEntry, ModelEntrySettings, ModelSource } from '../spec/model-entry.ts'
import {
  group,
  idleMs,
  numberAbove0,
  numberFrom,
  oneOf,
  oneOrMore,
  prose,
  text,
  wholeNumber,
  yesOrNo,
} from './value-schemas.ts'

/** Names of models are at most this long, as in a request. */
const MAX_NAME_CHARACTERS = 256
const MAX_ENTRIES = 1_000
const MAX_ALIASES = 100
const MAX_STOPS = 16
const MAX_LORAS = 16
/** Smaller batches spare no more memory worth the name, and llama.cpp pads them. */
const LEAST_BATCH_TOKENS = 32
const MOST_BATCH_TOKENS = 8_192

/** The types of a KV cache that engines know. */
export const KV_TYPES = ['f16', 'q8_0', 'q4_0', 'f32'] as const

const name = text("a model's name or a pattern with *,", MAX_NAME_CHARACTERS)
const stop = z.string({ error: 'text' }).min(1, { error: 'text that is not empty' })
const penalty = numberFrom(-2, 2)

const sampling = group(
  {
    temperature: numberFrom(0, 2).optional(),
    topP: numberAbove0(1).optional(),
    topK: wholeNumber(0, 1_000_000).optional(),
    minP: numberFrom(0, 1).optional(),
    seed: wholeNumber(0, 4_294_967_295).optional(),
    repeatPenalty: numberAbove0(10).optional(),
    frequencyPenalty: penalty.optional(),
    presencePenalty: penalty.optional(),
    maxTokens: wholeNumber(1, 16_777_216).optional(),
    stop: oneOrMore(stop, MAX_STOPS, 'text').optional(),
  },
  'sampling options',
)

const loraFile = text('a path')
const lora = z.union(
  [
    loraFile.transform((path): LoraAdapter => ({ path, scale: 1 })),
    group({ path: loraFile, scale: numberFrom(-10, 10).default(1) }, 'path and scale'),
  ],
  { error: 'a path, or {path, scale}' },
)

const entryGroup = group(
  {
    source: text('a model’s name, a path to a .gguf file, or hf:owner/repository')
      .refine((written) => !written.includes('*'), { error: 'one name, path or hf: address, not a pattern' })
      .optional()
      .describe('Another model by its name (this entry is then an alias), a path to a GGUF file, or `hf:…` to pull.'),
    aliases: oneOrMore(name, MAX_ALIASES, 'a name or pattern').optional().describe('Further names and patterns.'),
    engine: oneOf(['embedded', 'llama-server']).optional().describe('What runs a GGUF file; `embedded` if unset.'),
    context: wholeNumber(256, 16_777_216).optional().describe('Context window in tokens.'),
    system: prose().optional().describe('System prompt of conversations that bring none.'),
    sampling: sampling.optional().describe('Defaults of requests that do not say.'),
    template: prose().optional().describe('Chat template: Jinja text, or `file:` and a path.'),
    parallel: wholeNumber(1, 64).optional().describe('Requests served at once.'),
    kvType: oneOf(KV_TYPES).optional().describe('Type of the KV cache.'),
    batchTokens: wholeNumber(LEAST_BATCH_TOKENS, MOST_BATCH_TOKENS)
      .optional()
      .describe('Tokens of a prompt evaluated at once; as its engine has it if unset.'),
    gpuLayers: wholeNumber(0, MOST_GPU_LAYERS).optional().describe('Layers on GPUs at most; 0 = none.'),
    pin: yesOrNo.optional().describe('Kept in memory, whatever else wants room.'),
    priority: wholeNumber(-10, 10).optional().describe('Higher ones are evicted last; 0 if unset.'),
    keepAlive: idleMs.optional().describe('Idle time until it is unloaded: `5m`, ms; 0 = at once, -1 = no timer.'),
    lora: oneOrMore(lora, MAX_LORAS, 'a path or {path, scale}').optional().describe('Low-rank adapters.'),
  },
  'settings of a model',
)
type EntryGroup = z.output<typeof entryGroup>

const entry = z
  .union([text('a name, path or hf: address').transform((source): EntryGroup => ({ source })), entryGroup], {
    error: 'a name, path or hf: address, or a group of settings',
  })
  .transform(toEntry)

/** `models.entries`, as it is written and as it is used. */
export const modelEntries: z.ZodType<ModelEntries, Readonly<Record<string, string | ModelEntryConfig>>> = z
  .record(name, entry, { error: 'a group of entries by model name or pattern' })
  .refine((entries) => Object.keys(entries).length <= MAX_ENTRIES, { error: `at most ${MAX_ENTRIES} entries` })
  .transform((entries): ModelEntries => Object.assign(Object.create(null) as object, entries) as ModelEntries)

function toEntry(written: EntryGroup): ModelEntry {
  const { source } = written
  return {
    ...(source !== undefined && { source: sourceOf(source) }),
    aliases: written.aliases ?? [],
    settings: toSettings(written),
  }
}

/** Text with the look of a path is one; a model's name never begins with `/`, `.` or `~` and never ends in `.gguf`. */
function sourceOf(written: string): ModelSource {
  if (written.startsWith('hf:')) return { kind: 'download', address: written }
  const isPath = /^(?:[/~]|\.{1,2}[/\\]|[a-z]:[\\/])|\.gguf$/i.test(written)
  return isPath ? { kind: 'file', path: written } : { kind: 'model', name: written }
}

function toSettings(written: EntryGroup): ModelEntrySettings {
  const {
    engine,
    context,
    system,
    template,
    parallel,
    kvType,
    batchTokens,
    gpuLayers,
    pin,
    priority,
    keepAlive,
    lora: loras,
  } = written
  const { maxTokens, stop: stops, ...options } = written.sampling ?? {}
  const given = {
    engine,
    contextTokens: context,
    system,
    sampling: Object.keys(options).length > 0 ? options : undefined,
    maxTokens,
    stop: stops,
    template: template === undefined ? undefined : templateOf(template),
    parallel,
    kvType,
    batchTokens,
    mostGpuLayers: gpuLayers,
    pinned: pin,
    priority,
    idleTimeoutMs: keepAlive === Infinity ? null : keepAlive,
    loras,
  }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}

function templateOf(written: string): NonNullable<ModelEntrySettings['template']> {
  if (!written.startsWith('file:')) return { kind: 'text', text: written }
  return { kind: 'file', path: written.slice('file:'.length) }
}
