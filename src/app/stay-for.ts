import { holdProcess } from '../system/hold-process.ts'

/**
 * Keeps our own process from ending until the work is over: a program may end with models in memory, but not while it
 * waits for a call. Put around what somebody awaits: the library's calls and the verbs.
 */
export function stayFor<Result>(work: Promise<Result>): Promise<Result> {
  return holdProcess(() => work)
}
