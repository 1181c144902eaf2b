import { detailsOf } from './model-replies.ts'
import { manifestDigest, shortName } from './models.ts'
import type { FakeScheduler } from './scheduler.ts'

/** `/api/ps`: what is loaded or loading, the longest to stay first. */
export function psReply(scheduler: FakeScheduler): Record<string, unknown> {
  const shown = scheduler.runners.map((runner) => ({ runner, expiresAtMs: runner.shownExpiryMs() }))
  const inOrder = shown.toSorted((a, b) => Math.floor(b.expiresAtMs / 1_000) - Math.floor(a.expiresAtMs / 1_000))
  return {
    models: inOrder.map(({ runner, expiresAtMs }) => ({
      name: shortName(runner.model.name),
      model: shortName(runner.model.name),
      size: runner.memory.sizeBytes,
      digest: manifestDigest(runner.model),
      details: detailsOf(runner.model),
      expires_at: new Date(expiresAtMs).toISOString(),
      size_vram: runner.memory.sizeVramBytes,
      context_length: runner.signature.options.numCtxTokens,
    })),
  }
}
