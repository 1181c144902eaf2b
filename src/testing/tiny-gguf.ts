import type { TinyArchitecture } from './tiny/architecture.ts'
import { floatPair, ggufBytes, textPair } from './tiny/gguf-bytes.ts'
import { normalNumbers } from './tiny/normal-numbers.ts'
import { TINY_SHAPE, type TinyShape } from './tiny/shape.ts'
import { TINY_MODELS, type TinyModel } from './tiny/tiny-models.ts'
import type { VocabularyOptions } from './tiny/vocabulary.ts'

export type { TinyModel } from './tiny/tiny-models.ts'

/** What distinguishes one tiny model from another; sizes beside those of the architecture are those of {@link TINY_SHAPE}. */
export interface TinyGgufOptions extends Partial<TinyShape>, Partial<VocabularyOptions> {
  /** What kind of model it is. Default `llama`. */
  readonly model?: TinyModel
  /** `general.name`; another name gives other bytes and so another digest. Default `tiny`. */
  readonly name?: string
  /** `general.architecture`, when it is to say something else; the keys keep its name in front, so any is consistent. */
  readonly architecture?: string
  /** Jinja; `null` leaves the key out. Default {@link TINY_TEMPLATE}. */
  readonly chatTemplate?: string | null
  /** Seed of the weights. Default 1. */
  readonly seed?: number
  /** Standard deviation of the weights. Default 0.05; with more the answer hangs more on what was said before. */
  readonly spread?: number
  /** Whether it hardly ever ends an answer by itself: the output of its end token is always 0. Default false. */
  readonly isEndless?: boolean
}

/** Roles in brackets: short, and easy to see in a prompt. */
export const TINY_TEMPLATE: string =
  "{% for message in messages %}{{ '[' + message['role'] + ']' + message['content'] }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '[assistant]' }}{% endif %}"

/**
 * A whole model of about half a megabyte that a real engine loads in milliseconds: random weights, a byte tokenizer,
 * nonsense for answers. For tests of mechanics, where what is said does not matter.
 */
export function tinyGguf(options: TinyGgufOptions = {}): Buffer {
  const architecture: TinyArchitecture = TINY_MODELS[options.model ?? 'llama']
  const name = options.architecture ?? architecture.name
  const shape = { ...TINY_SHAPE, ...architecture.shape, ...options }
  const vocabulary = architecture.vocabulary({
    controlTokens: options.controlTokens ?? [],
    userTokens: options.userTokens ?? [],
    infill: options.infill ?? false,
    leastTokens: options.leastTokens ?? 0,
  })
  const template = options.chatTemplate === undefined ? TINY_TEMPLATE : options.chatTemplate
  const pairs = [
    textPair('general.architecture', name),
    textPair('general.name', options.name ?? 'tiny'),
    ...architecture.pairs(shape, (key) => `${name}.${key}`),
    ...vocabulary.pairs,
    ...(template === null ? [] : [textPair('tokenizer.chat_template', template)]),
  ]
  const random = normalNumbers(options.seed ?? 1)
  const spread = options.spread ?? 0.05
  const plans = architecture.tensors(shape, vocabulary.size)
  const output = plans.find((plan) => plan.name === 'output.weight') ?? plans[0]
  const tensors = plans.map((plan) => {
    const next = plan.fill === 'random' ? (): number => spread * random() : (): number => Number(plan.fill)
    const isMuted = plan === output && options.isEndless === true
    return { ...plan, next: isMuted ? withoutRow(next, END_TOKEN, shape.width) : next }
  })
  return ggufBytes(pairs, tensors)
}

/** The id of `</s>`. */
const END_TOKEN = 2

/** The same numbers, but zeros in one row. */
function withoutRow(next: () => number, row: number, length: number): () => number {
  let index = 0
  return () => {
    const value = next()
    const isInRow = Math.floor(index / length) === row
    index += 1
    return isInRow ? 0 : value
  }
}

/** Rank of {@link tinyLora}. */
const LORA_RANK = 4

/** A low-rank adapter for {@link tinyGguf}, strong enough to change what it says. */
export function tinyLora(seed = 1): Buffer {
  const next = normalNumbers(seed)
  const pairs = [
    textPair('general.architecture', 'llama'),
    textPair('general.type', 'adapter'),
    textPair('adapter.type', 'lora'),
    floatPair('adapter.lora.alpha', LORA_RANK),
  ]
  return ggufBytes(pairs, [
    { name: 'blk.0.ffn_up.weight.lora_a', shape: [TINY_SHAPE.width, LORA_RANK], next },
    { name: 'blk.0.ffn_up.weight.lora_b', shape: [LORA_RANK, TINY_SHAPE.feedForward], next },
  ])
}
