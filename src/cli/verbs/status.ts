import type { Platform } from '../../spec/model.ts'
import type { DuplicateWeights, Status } from '../../spec/status.ts'
import { counted, restoreTotalWords, restoreWords } from '../../spec/restore-words.ts'
import { formatBytes, formatDuration } from '../../spec/units.ts'
import type { Context } from '../context.ts'
import { engineName } from '../engine-name.ts'
import { gpuText } from '../gpu-text.ts'
import { table } from '../terminal.ts'

export async function statusVerb(context: Context): Promise<void> {
  const status = await (await context.client()).status()
  const { memory, models, queue, uptimeMs, version, pressureRatio } = status
  const now = Date.now()
  const rows = models
    .filter(({ state }) => state !== 'unloaded')
    .map((model) => [
      model.id,
      model.state,
      engineName(model.platform),
      `${formatBytes(model.footprintBytes)} ${model.footprintSource}`,
      model.gpu
        ? `${model.gpu.layers}/${model.gpu.ofLayers} ${model.gpu.shares.map(({ gpu }) => `gpu${gpu}`).join('+')}`
        : '-',
      String(model.contextTokens),
      String(model.activeRequests),
      model.pinned ? 'pinned' : until(model.expiresAtMs, now),
      model.pid === null ? '-' : String(model.pid),
    ])
  const head = ['NAME', 'STATE', 'ENGINE', 'SIZE', 'LAYERS ON GPU', 'CONTEXT', 'ACTIVE', 'UNTIL', 'PID']
  const lines = [
    `grym ${version}, up ${formatDuration(uptimeMs)}, ${queue.running} running, ${queue.waiting} waiting`,
    `memory ${formatBytes(memory.usedBytes)} of ${formatBytes(memory.totalBytes)} in use (pressure ${Math.round(pressureRatio * 100)} %)`,
    ...(status.gpuFault === null ? [] : [`GPUs are not used: ${status.gpuFault}`]),
    ...(memory.gpus.length > 0 ? memory.gpus.map(gpuText) : ['no GPU was found']),
    rows.length > 0 ? table(head, rows) : 'no model is in memory',
    ...status.duplicates.map(duplicateText),
    ...counterLines(status),
    ...cacheLines(status),
  ]
  context.terminal.result(status, lines.join('\n'))
}

function duplicateText({ models, wastedBytes }: DuplicateWeights): string {
  const said = `${models.join(' and ')} are the same weights in several engines`
  if (wastedBytes === 0) return `${said}, which map one file and share its pages.`
  return `${said}: about ${formatBytes(wastedBytes)} more than once. Unload one of them, or give it one name.`
}

function counterLines({ engineCounters }: Status): string[] {
  return Object.entries(engineCounters)
    .filter(([, { reloads, reloadsAvoided }]) => reloads + reloadsAvoided > 0)
    .map(([platform, { reloads, reloadsAvoided }]) => {
      return `${engineName(platform as Platform)}: ${reloadsAvoided} reloads avoided, ${reloads} done`
    })
}

function cacheLines({ kvcache, lastRestore }: Status): string[] {
  if (!kvcache) return []
  const { entries, bytes, maxBytes, totals } = kvcache
  const size = `KV cache: ${counted(entries, 'state')}, ${formatBytes(bytes)} of ${formatBytes(maxBytes)}${kvcache.isEnabled ? '' : ', switched off'}`
  return [
    totals.restores > 0 ? `${size}; restored so far: ${restoreTotalWords(totals)}` : size,
    ...(lastRestore ? [`last: ${lastRestore.modelId} ${restoreWords(lastRestore, lastRestore.promptTokens)}`] : []),
  ]
}

function until(expiresAtMs: number | null, nowMs: number): string {
  return expiresAtMs === null ? '-' : `in ${formatDuration(Math.max(0, expiresAtMs - nowMs))}`
}
