import type { RestoreGain } from './restored-state.ts'
import type { CacheTotals } from './state-cache.ts'
import { formatDuration } from './units.ts'

/** `restored 5,999 of 6,000 tokens in 0.3 s, about 101 s saved`: for people. */
export function restoreWords({ tokens, restoreMs, savedMs }: RestoreGain, promptTokens: number): string {
  const saved = savedMs === null ? '' : `, about ${savedWords(savedMs)} saved`
  return `restored ${grouped(tokens)} of ${grouped(promptTokens)} tokens in ${secondsText(restoreMs)}${saved}`
}

/** `about 101 s` where seconds say it best, longer ones as people write them. */
export function savedWords(savedMs: number): string {
  return savedMs < 600_000 ? secondsText(savedMs) : formatDuration(savedMs)
}

/** `5,999` */
export function grouped(count: number): string {
  return String(Math.round(count)).replaceAll(/\B(?=(\d{3})+$)/g, ',')
}

/** `1 state`, `2,000 states` */
export function counted(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`
}

/** `5,999 tokens in 2 answers, about 101 s saved` */
export function restoreTotalWords({ restoredTokens, restores, savedMs }: RestoreTotals): string {
  return `${counted(restoredTokens, 'token')} in ${counted(restores, 'answer')}, about ${savedWords(savedMs)} saved`
}

type RestoreTotals = Pick<CacheTotals, 'restoredTokens' | 'restores' | 'savedMs'>

/** `0.3 s`, `101 s`: one digit after the point below ten. */
function secondsText(durationMs: number): string {
  const seconds = durationMs / 1_000
  return `${Math.abs(seconds) < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`
}
