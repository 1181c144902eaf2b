import type { Option } from './option.ts'
import {
  byteCount,
  byteCountOrNone,
  lifetimeMs,
  oneOf,
  readNumber,
  readYesOrNo,
  text,
  wholeNumber,
  yesOrNo,
} from './value-schemas.ts'

/** KV state of conversations on disk: what makes a conversation go on without reading it again. */
export const CACHE_OPTIONS: readonly Option[] = [
  {
    key: 'kvcache.enabled',
    schema: yesOrNo,
    readText: readYesOrNo,
    defaultValue: true,
    scope: 'live',
    env: 'GRYM_KVCACHE',
    help: 'Whether the KV state of conversations is saved to disk, so that a model that comes back need not read them again. `conversations.keep: false` keeps none either.',
  },
  {
    key: 'kvcache.maxBytes',
    schema: byteCount,
    // Five conversations of 6,000 tokens with a model of 8 billion parameters (128 KiB a token), 30 with one of a billion.
    defaultValue: 4_294_967_296,
    scope: 'live',
    env: 'GRYM_KVCACHE_MAX_BYTES',
    help: 'Disk that saved states may take: `4GiB`, or bytes; beyond it those go first that save the least time for their size.',
  },
  {
    key: 'kvcache.maxEntries',
    schema: wholeNumber(1, 1_000_000),
    readText: readNumber,
    defaultValue: 10_000,
    scope: 'live',
    env: 'GRYM_KVCACHE_MAX_ENTRIES',
    help: 'Saved states that are kept at once.',
  },
  {
    key: 'kvcache.writeBudgetBytesPerHour',
    schema: byteCountOrNone,
    // About 190 GiB a day at the most: what a consumer SSD of 1 TB stands for some years.
    defaultValue: 8_589_934_592,
    scope: 'live',
    env: 'GRYM_KVCACHE_WRITE_BUDGET',
    help: 'What may be written in an hour while models stay in memory: `8GiB`, or bytes; `0` = nothing then. What is saved before a model leaves memory is counted, and never refused for it.',
  },
  {
    key: 'kvcache.minTokens',
    schema: wholeNumber(1, 16_777_216),
    readText: readNumber,
    defaultValue: 256,
    scope: 'live',
    env: 'GRYM_KVCACHE_MIN_TOKENS',
    help: 'Shorter conversations are not saved: they are read again as fast.',
  },
  {
    key: 'kvcache.ttl',
    schema: lifetimeMs,
    defaultValue: 2_592_000_000,
    scope: 'live',
    env: 'GRYM_KVCACHE_TTL',
    help: 'How long a saved state is kept after its last use: `30d`, or a number of ms; `-1` = no end of its own.',
  },
  {
    key: 'kvcache.encrypt',
    schema: yesOrNo,
    readText: readYesOrNo,
    defaultValue: false,
    scope: 'live',
    env: 'GRYM_KVCACHE_ENCRYPT',
    help: 'Whether what is saved from now on is encrypted (AES-256-GCM, the key lies in the state folder). Files are readable by their owner alone in either case.',
  },
  {
    key: 'kvcache.compression',
    schema: oneOf(['auto', 'off']),
    defaultValue: 'auto',
    scope: 'live',
    env: 'GRYM_KVCACHE_COMPRESSION',
    help: 'Whether states are compressed: `auto` where a sample of them shrinks enough to be worth the time, `off` never.',
  },
  {
    key: 'kvcache.folder',
    schema: text('a folder').optional(),
    defaultValue: undefined,
    scope: 'start',
    env: 'GRYM_KVCACHE_FOLDER',
    help: 'Folder below which `.cache/models` holds the saved states. Default: the state folder.',
  },
]
