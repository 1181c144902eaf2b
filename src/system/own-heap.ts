import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** V8's own function, as `--expose-gc` gives it to a context made after the flag. */
type Collect = (options: { readonly type: 'major'; readonly flavor: 'last-resort' }) => void

let collect: Collect | undefined

/** What V8 holds of this process's memory, used or not. */
export function heapBytes(): number {
  return process.memoryUsage().heapTotal
}

/**
 * Collects everything and gives free pages back to the system: V8 does neither of its own accord in a process that has
 * nothing to do. Nothing else runs meanwhile (measured: 110 ms at 33 MB in use; an idle daemon falls from 128 to 105 MB).
 */
export function trimHeap(): void {
  if (!collect) {
    setFlagsFromString('--expose-gc')
    collect = runInNewContext('gc') as Collect
    setFlagsFromString('--no-expose-gc')
  }
  collect({ type: 'major', flavor: 'last-resort' })
}
