import type { HeaderValues } from './header-values.ts'

/** Which blocks look back at a limited number of tokens, and at how many. */
export interface SlidingBlocks {
  readonly tokens: number
  isSliding(block: number): boolean
}

/** How an architecture says it. */
interface Rule {
  /** Of so many blocks one looks at everything, unless the file says another number; `list`: the file names each block. */
  readonly period: number | 'list'
  /** Whether that is the first of them; else the last. */
  readonly isWholeFirst?: boolean
  /** For a file that says no number of tokens; without this rule none slides then. */
  readonly defaultTokens?: number
  /** Whatever number the file says, unless that is 0. */
  readonly fixedTokens?: number
}

/** llama.cpp v0.4.0, `load_arch_hparams` in `src/models/<name>.cpp`. What is not here attends to everything (phi3 too). */
const RULES: Readonly<Record<string, Rule>> = {
  afmoe: { period: 4 },
  cohere2: { period: 4 },
  cohere2moe: { period: 4, isWholeFirst: true },
  'exaone-moe': { period: 4 },
  gemma2: { period: 2, defaultTokens: 4_096 },
  gemma3: { period: 6 },
  gemma3n: { period: 5 },
  gemma4: { period: 'list' },
  'gpt-oss': { period: 2 },
  granite_swa: { period: 'list' },
  laguna: { period: 4, isWholeFirst: true },
  llama4: { period: 4, defaultTokens: 8_192, fixedTokens: 8_192 },
  mellum: { period: 4 },
  mimo2: { period: 'list' },
  'muse-glimmer': { period: 4 },
  olmo2: { period: 4 },
  plamo3: { period: 8 },
  smallthinker: { period: 4, isWholeFirst: true, fixedTokens: 4_096 },
  step35: { period: 'list' },
}
/** These take a list of blocks as well as a period. */
const TAKES_BOTH: ReadonlySet<string> = new Set(['cohere2moe', 'mellum', 'muse-glimmer'])
/** EXAONE 4 slides in its largest size only, which llama.cpp knows by its blocks. */
const EXAONE4_BLOCKS = 64

/** `undefined` when every block that attends looks at everything. */
export function slidingBlocks(
  architecture: string,
  header: HeaderValues,
  blockCount: number,
): SlidingBlocks | undefined {
  const said = header.number('attention.sliding_window')
  // Every block of LFM2 that attends slides when one does.
  if (architecture === 'lfm2' && said !== undefined && said > 0) return { tokens: said, isSliding: () => true }
  const rule = ruleOf(architecture, blockCount)
  const tokens = rule && tokensOf(rule, said)
  if (!rule || !tokens) return undefined
  const key = 'attention.sliding_window_pattern'
  const list = header.list(key)
  if (rule.period === 'list' || (TAKES_BOTH.has(architecture) && list)) {
    const all = header.number(key)
    return { tokens, isSliding: (block) => (list?.[block] ?? all ?? 0) !== 0 }
  }
  const period = header.number(key) ?? rule.period
  const whole = rule.isWholeFirst === true ? 0 : period - 1
  return { tokens, isSliding: (block) => period === 0 || block % period !== whole }
}

function ruleOf(architecture: string, blockCount: number): Rule | undefined {
  if (architecture === 'exaone4') return blockCount === EXAONE4_BLOCKS ? { period: 4, defaultTokens: 4_096 } : undefined
  return Object.hasOwn(RULES, architecture) ? RULES[architecture] : undefined
}

function tokensOf({ defaultTokens, fixedTokens }: Rule, said: number | undefined): number | undefined {
  if (said === undefined) return defaultTokens
  return said === 0 ? undefined : (fixedTokens ?? said)
}
