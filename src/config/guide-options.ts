import { z } from 'zod'
import type { Option } from './option.ts'
import {
  numberAbove0,
  numberFrom,
  oneOf,
  readNumber,
  readYesOrNo,
  text,
  wholeNumber,
  yesOrNo,
} from './value-schemas.ts'

/** Largest size that a person may mean, MB: a petabyte. */
const MAX_MEGABYTES = 1_000_000_000
const MAX_MODEL_SIZES = 10_000

const megabytes = numberAbove0(MAX_MEGABYTES, 'a size in MB')
const share = numberFrom(0, 1)

const modelSizes = z
  .record(text('a model’s name'), megabytes, { error: 'a group of sizes in MB by model name' })
  .refine((sizes) => Object.keys(sizes).length <= MAX_MODEL_SIZES, { error: `at most ${MAX_MODEL_SIZES} models` })
  .transform((sizes) => Object.assign(Object.create(null) as object, sizes))

/** What only a later part of grym acts on; nothing may look as if it had an effect that it has not. */
function later(part: string): string {
  return `Checked and kept; takes effect with ${part}.`
}

const LADDER = 'the memory ladder'
const CONTEXTS = 'the context store'

/** What the guide calls `configure({…})`, by its own names and units; sizes are MB, decimal. */
export const GUIDE_OPTIONS: readonly Option[] = [
  {
    key: 'modelSizes',
    schema: modelSizes,
    defaultValue: Object.freeze(Object.create(null) as object),
    scope: 'live',
    isMap: true,
    help: 'What models take in memory, MB by model name: believed before any estimate.',
  },
  {
    key: 'buffers.context.initial',
    schema: megabytes,
    defaultValue: 2_000,
    scope: 'live',
    help: `Context buffer at first, MB; not above \`buffers.context.max\`. ${later(LADDER)}`,
  },
  {
    key: 'buffers.context.max',
    schema: megabytes,
    defaultValue: 4_000,
    scope: 'live',
    help: 'Largest KV cache of one model, MB; a window that would need more is made smaller.',
  },
  {
    key: 'buffers.context.compressionThreshold',
    schema: share,
    defaultValue: 0.8,
    scope: 'live',
    help: `Used part of a window at which it is compressed, 0–1. ${later(LADDER)}`,
  },
  {
    key: 'buffers.working.initial',
    schema: megabytes,
    defaultValue: 1_000,
    scope: 'live',
    help: `Working memory at first, MB; not above \`buffers.working.max\`. ${later(LADDER)}`,
  },
  {
    key: 'buffers.working.max',
    schema: megabytes,
    defaultValue: 2_000,
    scope: 'live',
    help: `Largest working memory, MB. ${later(LADDER)}`,
  },
  {
    key: 'buffers.working.optimizationThreshold',
    schema: share,
    defaultValue: 0.9,
    scope: 'live',
    help: `Used part of working memory at which it is optimised, 0–1. ${later(LADDER)}`,
  },
  {
    key: 'memoryPressure.warning',
    schema: share,
    readText: readNumber,
    defaultValue: 0.7,
    scope: 'live',
    env: 'GRYM_PRESSURE_WARNING',
    help: `Pressure at which memory is first given back, 0–1; not above \`memoryPressure.critical\`. ${later(LADDER)}`,
  },
  {
    key: 'memoryPressure.critical',
    schema: share,
    readText: readNumber,
    defaultValue: 0.9,
    scope: 'live',
    env: 'GRYM_PRESSURE_CRITICAL',
    help: `Pressure at which memory is given back by all means, 0–1. ${later(LADDER)}`,
  },
  {
    key: 'memoryPressure.action',
    schema: oneOf(['compress', 'unload', 'cache']),
    defaultValue: 'compress',
    scope: 'live',
    help: `What is tried first: \`compress\`, \`unload\` or \`cache\`. ${later(LADDER)}`,
  },
  {
    key: 'debug',
    schema: yesOrNo,
    readText: readYesOrNo,
    defaultValue: false,
    scope: 'live',
    env: 'GRYM_DEBUG',
    help: 'Debug logging: while it is on, as if `log.level` were `debug`.',
  },
  {
    key: 'contextPreservation.enabled',
    schema: yesOrNo,
    defaultValue: true,
    scope: 'live',
    help: `Whether contexts are preserved when their model leaves. ${later(CONTEXTS)}`,
  },
  {
    key: 'contextPreservation.preservationStrategy',
    schema: oneOf(['lru', 'priority', 'hybrid', 'selective']),
    defaultValue: 'selective',
    scope: 'live',
    help: `Which contexts, and what of them, stay. ${later(CONTEXTS)}`,
  },
  {
    key: 'contextPreservation.maxPreservedContexts',
    schema: wholeNumber(1, 100_000),
    defaultValue: 5,
    scope: 'live',
    help: `Contexts preserved at once. ${later(CONTEXTS)}`,
  },
  {
    key: 'contextPreservation.preservationThreshold',
    schema: share,
    defaultValue: 0.6,
    scope: 'live',
    help: `Importance from which a message is preserved, 0–1. ${later(CONTEXTS)}`,
  },
  {
    key: 'contextPreservation.summarizationConfig.maxTokens',
    schema: wholeNumber(1, 16_777_216),
    defaultValue: 1_000,
    scope: 'live',
    help: `Longest summary, tokens. ${later(CONTEXTS)}`,
  },
  {
    key: 'contextPreservation.summarizationConfig.method',
    schema: oneOf(['extractive', 'abstractive']),
    defaultValue: 'extractive',
    scope: 'live',
    help: `How summaries are made: of the text’s own sentences, or by a model. ${later(CONTEXTS)}`,
  },
  {
    key: 'contextPreservation.summarizationConfig.preserveRecentMessages',
    schema: wholeNumber(0, 100_000),
    // The guide keeps the last ten; the configuration that the guide's tests use has five.
    defaultValue: 10,
    scope: 'live',
    help: `Newest messages that are never summarised. ${later(CONTEXTS)}`,
  },
  {
    key: 'contextPreservation.summarizationConfig.compressionRatio',
    schema: numberAbove0(1),
    defaultValue: 0.5,
    scope: 'live',
    help: `Length of a summary in parts of what it stands for, above 0 up to 1. ${later(CONTEXTS)}`,
  },
  {
    key: 'contextPreservation.summarizationConfig.minPreservedQuality',
    schema: share,
    defaultValue: 0.7,
    scope: 'live',
    help: `Quality below which a summary is not used, 0–1. ${later(CONTEXTS)}`,
  },
]
