import { enableCompileCache, flushCompileCache } from 'node:module'
import { tryBinaryOnce } from './binary-trial.ts'
import { useEnginePackages } from './engine-packages-hook.ts'
import type { FromWorker, ToWorker } from './protocol.ts'

/*
 * One engine process: the weights of one file and the contexts on them. It lives as long as its parent's channel; when
 * that closes the parent is gone, and so is every reason to hold memory. SIGKILL, because a native evaluation in
 * flight must not delay it.
 */
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))

function send(message: FromWorker): void {
  if (process.connected) process.send?.(message)
}

// Messages that come while the engine's library is still being imported wait here; a ping is answered all the same.
const early: ToWorker[] = []
let receive = (message: ToWorker): void => {
  if (message.type === 'ping') send({ type: 'pong', sequence: message.sequence })
  else early.push(message)
}
process.on('message', (message: ToWorker) => receive(message))

// Compiled code is kept between starts: importing the engine's library takes half the time, and a checkout's types are
// stripped once (what strips them takes 20 MB). Written now, because a worker's end is a SIGKILL.
const [, , compileCacheFolder, use, enginePackagesFolder] = process.argv
const { directory } = enableCompileCache(compileCacheFolder)
useEnginePackages(enginePackagesFolder)
const noteOpened = use === 'cpu' ? tryBinaryOnce(directory) : undefined
const { Engine } = await import('./engine.ts')
flushCompileCache()
const engine = new Engine(send)
receive = (message) => engine.receive(message)
// Opened before a model is asked for, unless GPUs may be used: which devices it is to see must be known first. What fails
// here is told with the first call.
if (use === 'cpu') engine.prepare().then(noteOpened, () => undefined)
for (const message of early) receive(message)
