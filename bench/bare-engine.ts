/** What an engine without grym took to go on from a saved state. */
export interface BareRestored {
  /** The call that restores, alone. */
  readonly restoreMs: number
  /** From that call to the first token, once the model is loaded. */
  readonly firstTokenMs: number
  /** What it said first. */
  readonly text: string
}

/** A question that was read and saved. */
export interface BareState {
  readonly promptTokens: number
  /** By an engine that was loaded for it, and ends afterwards. */
  restore(): Promise<BareRestored>
}

/** An engine without grym, with the settings that grym uses. */
export interface BareEngine {
  /** Reads a question and saves what it holds then. */
  save(question: string): Promise<BareState>
}
