import type { TinyShape } from './shape.ts'
import type { Vocabulary, VocabularyOptions } from './vocabulary.ts'

/** A tensor by what its numbers are: drawn at random, or all the same. */
export interface TensorPlan {
  readonly name: string
  readonly shape: readonly number[]
  readonly fill: 'random' | number
}

/**
 * What one architecture asks of a file. The names and sizes are those that llama.cpp looks for
 * (`src/llama-arch.cpp`, and `load_arch_hparams` and `load_arch_tensors` in `src/models/<name>.cpp`, v0.4.0).
 */
export interface TinyArchitecture {
  /** `general.architecture`. */
  readonly name: string
  /** What it needs to differ from {@link TINY_SHAPE} in. */
  readonly shape?: Partial<TinyShape>
  readonly vocabulary: (options: VocabularyOptions) => Vocabulary
  /** The keys that begin with the architecture's name; `key` puts it in front. */
  pairs(shape: TinyShape, key: (name: string) => string): Buffer[]
  tensors(shape: TinyShape, vocabularySize: number): TensorPlan[]
}

export function weight(name: string, ...shape: number[]): TensorPlan {
  return { name: `${name}.weight`, shape, fill: 'random' }
}

export function norm(name: string, length: number): TensorPlan {
  return { name: `${name}.weight`, shape: [length], fill: 1 }
}

export function bias(name: string, length: number): TensorPlan {
  return { name: `${name}.bias`, shape: [length], fill: 0 }
}
