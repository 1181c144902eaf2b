/** What a request asks of its model beside the answer; what is absent stays as it is. The same in every dialect. */
export interface ModelWish {
  /**
   * Idle time until the model is unloaded, ms: 0 = as soon as nothing is served, `null` = no timer. It bounds the stay from
   * above: room for others may be needed earlier. In force until another request says otherwise or the model leaves.
   */
  readonly keepAliveMs?: number | null
  /** −10 to 10; among waiting requests the higher one gets its turn first. Absent = its model's. */
  readonly priority?: number
  /** Keeps the model in memory whatever else wants room, or no longer. Pins that do not fit together are refused. */
  readonly pinned?: boolean
  /** Window that the client means to use, tokens (Ollama's `num_ctx`). A loaded model's is grown once, never shrunk. */
  readonly contextTokens?: number
  /** Tokens evaluated at once that the client means to use (Ollama's `num_batch`). No model is loaded anew for it. */
  readonly batchTokens?: number
}
