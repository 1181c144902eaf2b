/** Sizes of a tiny model. What an architecture has no use for is not looked at. */
export interface TinyShape {
  readonly blocks: number
  /** Length of a token's vector (`embedding_length`). */
  readonly width: number
  readonly heads: number
  /** Heads that have keys and values of their own; a divisor of `heads`. */
  readonly kvHeads: number
  /** Numbers in a key and in a value of one head. */
  readonly headLength: number
  readonly feedForward: number
  /** Window the model claims to be trained for, tokens. */
  readonly contextTokens: number
  /** Tokens that a block with sliding-window attention looks back at. */
  readonly slidingTokens: number
  /** Of so many blocks the last one looks at everything; the others slide, or are recurrent. */
  readonly period: number
  readonly experts: number
  /** Experts that each token is given to. */
  readonly expertsUsed: number
  /** Length of a row of the recurrent state (`ssm.state_size`). */
  readonly stateLength: number
  /** Numbers of a token that latent attention keeps (`attention.kv_lora_rank`), beside the rotated ones. */
  readonly latentLength: number
}

export const TINY_SHAPE: TinyShape = {
  blocks: 2,
  width: 64,
  heads: 4,
  kvHeads: 4,
  headLength: 16,
  feedForward: 128,
  contextTokens: 2_048,
  slidingTokens: 64,
  period: 2,
  experts: 4,
  expertsUsed: 2,
  stateLength: 16,
  latentLength: 32,
}
