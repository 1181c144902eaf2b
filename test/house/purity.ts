import { findAll, type Finding, type HouseRule, isCode, isTest, type SourceFile } from './source-file.ts'
import { maskSource } from './source-mask.ts'

/** Reaches the world outside: clock, chance, timers, process, network. */
const OUTSIDE =
  /\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b|\bperformance\s*\.|\b(?:setTimeout|setInterval|setImmediate|queueMicrotask|fetch|require|import)\s*\(|\b(?:process|console|globalThis|crypto|navigator)\s*\.|\bnew (?:WebSocket|Worker|Intl\.DateTimeFormat)\b/g
/** Waits: what has to wait is not a decision. */
const WAITING = /\b(?:async|await|Promise|AbortSignal|AbortController)\b/g

/**
 * `core` decides and `spec` names. Time comes in as `event.atMs` and nothing waits, so every decision can be repeated
 * and simulated. (That they import neither packages nor Node is a matter of the arrows.)
 */
export const purity: HouseRule = {
  name: 'purity',
  promise: 'spec and core touch neither clock, chance nor I/O, and core never waits',
  check: (files) => files.flatMap(checkFile),
}

function checkFile(file: SourceFile): Finding[] {
  const isCore = file.path.startsWith('src/core/')
  if ((!isCore && !file.path.startsWith('src/spec/')) || !isCode(file.path) || isTest(file.path)) return []
  const { code } = maskSource(file.text)
  const room = isCore ? 'core' : 'spec'
  const findings = findAll(file, code, OUTSIDE, `${room} reaches outside`)
  return isCore ? [...findings, ...findAll(file, code, WAITING, 'core waits')] : findings
}
