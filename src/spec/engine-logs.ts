import type { ModelId } from './model.ts'

/** What a model's engine printed. */
export interface EngineLog {
  readonly modelId: ModelId
  /** Oldest first; empty where its engine printed nothing yet or is not started by grym. */
  readonly lines: readonly string[]
}

/** The output of engines, kept in memory while grym runs, also after an engine ended. */
export interface EngineLogs {
  /** The last lines. Rejects like a load of an unknown name. */
  read(model: string | undefined): Promise<EngineLog>
}
