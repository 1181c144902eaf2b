import type { TinyArchitecture } from './architecture.ts'
import { deepseek2 } from './deepseek2.ts'
import { gemma3 } from './gemma3.ts'
import { graniteHybrid } from './granite-hybrid.ts'
import { lfm2 } from './lfm2.ts'
import { groupedQuery, llama, mixtral } from './llama.ts'
import { mamba } from './mamba.ts'
import { nomicBert } from './nomic-bert.ts'
import { qwen35 } from './qwen35.ts'

/** A kind of tiny model, by what is particular about it. */
export type TinyModel =
  | 'llama'
  | 'grouped-query'
  | 'mixtral'
  | 'gemma3'
  | 'mamba'
  | 'granitehybrid'
  | 'lfm2'
  | 'qwen35'
  | 'deepseek2'
  | 'nomic-bert'

/** All but the encoder, `nomic-bert`, generate. */
export const TINY_MODELS: Readonly<Record<TinyModel, TinyArchitecture>> = {
  llama,
  'grouped-query': groupedQuery,
  mixtral,
  gemma3,
  mamba,
  granitehybrid: graniteHybrid,
  lfm2,
  qwen35,
  deepseek2,
  'nomic-bert': nomicBert,
}
