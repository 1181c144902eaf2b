import type { ModelId } from './model.ts'

/** How far a download is. */
export interface DownloadProgress {
  /** Where it comes from, for people. */
  readonly source: string
  readonly receivedBytes: number
  readonly totalBytes: number
}

/** Gets models and deletes them. Real: `app/model-library.ts`. */
export interface ModelLibrary {
  /**
   * Resolves once the model is here, at once if it is already. Callers of the same name at the same time share one
   * download, which ends early when the last of them leaves. Rejects with `invalid-request` for a name that nothing can
   * be pulled by, `too-many-downloads`, `download-failed`, `download-corrupt`, `disk-full` and `request-cancelled`.
   */
  pull(name: string, onProgress: (progress: DownloadProgress) => void, signal: AbortSignal): Promise<void>
  /**
   * Unloads the model and deletes its file. Rejects with `model-not-found`, and with `invalid-request` for one that is not
   * grym's to delete.
   */
  remove(name: string, signal: AbortSignal): Promise<{ readonly modelId: ModelId; readonly freedBytes: number }>
}
