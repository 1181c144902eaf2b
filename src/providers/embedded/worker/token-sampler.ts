import type { SamplingOptions } from '../../../spec/chat.ts'
import { DEFAULT_SAMPLING } from './default-sampling.ts'

/** A token and its probability; a distribution is a list of them, most likely first, that sums up to 1. */
export type Weight = readonly [token: number, probability: number]

/**
 * Chooses a token from the whole distribution, in the order of llama.cpp's default chain: penalties, top-k, top-p, min-p,
 * temperature. Used where the distribution itself is wanted too (log probabilities); else the engine samples.
 *
 * @param seen tokens that repetition penalties look back at.
 * @param random in [0, 1).
 */
export function sampleToken(
  distribution: readonly Weight[],
  sampling: SamplingOptions,
  seen: readonly number[],
  random: () => number,
): number {
  const { temperature, topK, topP, minP } = { ...DEFAULT_SAMPLING, ...sampling }
  const penalised = penalise(distribution, sampling, seen)
  if (temperature === 0) return tokenOf(penalised[0])
  const likely = atLeast(atMost(topK > 0 ? penalised.slice(0, topK) : penalised, topP), minP)
  const [[, best] = [0, 1]] = likely
  // Relative to the best, so that no power runs out of digits.
  const heated = likely.map(([token, probability]): Weight => [token, (probability / best) ** (1 / temperature)])
  return draw(heated, random)
}

/** llama.cpp's repetition penalties: they act on logits, which are logarithms of the probabilities up to a constant. */
function penalise(
  distribution: readonly Weight[],
  sampling: SamplingOptions,
  seen: readonly number[],
): readonly Weight[] {
  const { repeatPenalty = 1, frequencyPenalty = 0, presencePenalty = 0 } = sampling
  if (seen.length === 0 || (repeatPenalty === 1 && frequencyPenalty === 0 && presencePenalty === 0)) return distribution
  const counts = new Map<number, number>()
  for (const token of seen) counts.set(token, (counts.get(token) ?? 0) + 1)
  const weights = distribution.map(([token, probability]): Weight => {
    const count = counts.get(token)
    if (count === undefined) return [token, probability]
    const logit = Math.log(probability)
    // The constant is unknown, so logits count as negative: the penalty makes them less likely, as it should.
    return [token, Math.exp(logit * repeatPenalty - count * frequencyPenalty - presencePenalty)]
  })
  return weights.sort(([, a], [, b]) => b - a)
}

/** The fewest most likely ones that sum up to a share of all. */
function atMost(weights: readonly Weight[], topP: number): readonly Weight[] {
  if (topP >= 1) return weights
  const all = weights.reduce((sum, [, probability]) => sum + probability, 0)
  let sum = 0
  const length = weights.findIndex(([, probability]) => (sum += probability) >= topP * all)
  return length === -1 ? weights : weights.slice(0, length + 1)
}

/** Those at least so likely, as a share of the most likely. */
function atLeast(weights: readonly Weight[], minP: number): readonly Weight[] {
  const least = minP * (weights[0]?.[1] ?? 0)
  return weights.filter(([, probability], index) => index === 0 || probability >= least)
}

function draw(weights: readonly Weight[], random: () => number): number {
  const all = weights.reduce((sum, [, weight]) => sum + weight, 0)
  let left = random() * all
  return tokenOf(weights.find(([, weight]) => (left -= weight) < 0) ?? weights.at(-1))
}

function tokenOf(weight: Weight | undefined): number {
  if (!weight) throw new Error('the engine gave no distribution to choose from')
  return weight[0]
}

/** Mulberry32 (public domain, Tommy Ettinger): the same seed gives the same numbers. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
