import type {
  LlamaContextSequence,
  LlamaGrammarEvaluationState,
  LlamaModel,
  SequenceEvaluateOptions,
  Token,
} from 'node-llama-cpp'
import type { SamplingOptions, TokenLogprob, WeighedToken } from '../../../spec/chat.ts'
import { DEFAULT_SAMPLING } from './default-sampling.ts'
import { sampleToken, seededRandom, type Weight } from './token-sampler.ts'

/** Tokens that repetition penalties look back at (llama.cpp's `repeat_last_n`). */
const PENALTY_WINDOW_TOKENS = 64

export interface GeneratedToken {
  readonly token: Token
  readonly logprob?: TokenLogprob
}

/** Where the tokens of an answer come from, one evaluation each. */
export interface TokenSource {
  /** `undefined`: the model has finished. */
  next(): Promise<GeneratedToken | undefined>
  /** Lets go of what the engine holds for it. */
  end(): Promise<void>
}

export interface TokenSourceOptions {
  readonly sequence: LlamaContextSequence
  readonly model: LlamaModel
  /** Everything but its last token has been evaluated. */
  readonly prompt: readonly Token[]
  readonly sampling: SamplingOptions
  /** What the answer keeps to. */
  readonly grammar: LlamaGrammarEvaluationState | undefined
  /** See `AnswerOptions.topLogprobs`. */
  readonly topLogprobs: number | undefined
}

export function tokenSource(options: TokenSourceOptions): TokenSource {
  return options.topLogprobs === undefined
    ? new SampledTokens(options)
    : new WeighedTokens(options, options.topLogprobs)
}

/** The engine chooses. */
class SampledTokens implements TokenSource {
  readonly #tokens: AsyncGenerator<Token, void>
  readonly #seen: SeenTokens

  constructor({ sequence, prompt, sampling, grammar }: TokenSourceOptions) {
    this.#seen = new SeenTokens(prompt)
    this.#tokens = sequence.evaluate(prompt.slice(-1), {
      ...engineSampling(sampling, this.#seen),
      ...(grammar && { grammarEvaluationState: grammar }),
    })
  }

  async next(): Promise<GeneratedToken | undefined> {
    const { value, done } = await this.#tokens.next()
    if (done || value === undefined) return undefined
    this.#seen.add(value)
    return { token: value }
  }

  async end(): Promise<void> {
    await this.#tokens.return()
  }
}

/**
 * The engine gives the whole distribution, and the token is chosen here: its own probabilities are those after all
 * sampling options, which say nothing of the model. (Greedy sampling leaves the distribution as it is.)
 */
class WeighedTokens implements TokenSource {
  readonly #options: TokenSourceOptions
  readonly #top: number
  readonly #seen: SeenTokens
  readonly #random: () => number
  #last: Token

  constructor(options: TokenSourceOptions, top: number) {
    const last = options.prompt.at(-1)
    if (last === undefined) throw new Error('a prompt has at least one token')
    this.#options = options
    this.#top = top
    this.#last = last
    this.#seen = new SeenTokens(options.prompt)
    this.#random = seededRandom(options.sampling.seed ?? Date.now())
  }

  async next(): Promise<GeneratedToken | undefined> {
    const { sequence, model, sampling } = this.#options
    const generateNext = { token: true, probabilities: true, options: { temperature: 0 } }
    const [output] = await sequence.controlledEvaluate([[this.#last, { generateNext }]])
    const probabilities = output?.next.probabilities
    if (!probabilities) throw new Error('the engine gave no probabilities')
    const distribution: Weight[] = [...probabilities]
    const token = sampleToken(distribution, sampling, this.#seen.tokens, this.#random) as Token
    if (model.isEogToken(token)) return undefined
    this.#last = token
    this.#seen.add(token)
    const top = distribution.slice(0, this.#top).map((weight) => weigh(model, weight))
    return { token, logprob: { ...weigh(model, [token, probabilities.get(token) ?? 0]), top } }
  }

  async end(): Promise<void> {}
}

/** The last tokens of prompt and answer. */
class SeenTokens {
  readonly tokens: Token[]

  constructor(prompt: readonly Token[]) {
    this.tokens = prompt.slice(-PENALTY_WINDOW_TOKENS)
  }

  add(token: Token): void {
    this.tokens.push(token)
    if (this.tokens.length > PENALTY_WINDOW_TOKENS) this.tokens.shift()
  }
}

function weigh(model: LlamaModel, [token, probability]: Weight): WeighedToken {
  const text = model.detokenize([token as Token], true)
  return {
    token: text,
    bytes: text.includes('\uFFFD') ? null : [...Buffer.from(text, 'utf8')],
    // A probability too small for a float is 0, and JSON has no −∞: the least that OpenAI's API says.
    logprob: probability > 0 ? Math.log(probability) : -9_999,
  }
}

function engineSampling(sampling: SamplingOptions, seen: SeenTokens): SequenceEvaluateOptions {
  const { repeatPenalty, frequencyPenalty, presencePenalty, seed } = sampling
  const hasPenalty = [repeatPenalty, frequencyPenalty, presencePenalty].some((value) => value !== undefined)
  return {
    temperature: sampling.temperature ?? DEFAULT_SAMPLING.temperature,
    topK: sampling.topK ?? DEFAULT_SAMPLING.topK,
    topP: sampling.topP ?? DEFAULT_SAMPLING.topP,
    minP: sampling.minP ?? DEFAULT_SAMPLING.minP,
    ...(seed !== undefined && { seed }),
    ...(hasPenalty && {
      repeatPenalty: {
        punishTokens: () => seen.tokens,
        maxPunishTokens: PENALTY_WINDOW_TOKENS,
        penalty: repeatPenalty ?? 1,
        ...(frequencyPenalty !== undefined && { frequencyPenalty }),
        ...(presencePenalty !== undefined && { presencePenalty }),
      },
    }),
  }
}
