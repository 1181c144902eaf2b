import { createHash } from 'node:crypto'
import { existsSync, statSync, writeFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { cpus, release } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundledPackage } from '../packages/package-table.ts'

/** The module of node-llama-cpp that tries a binary: whether it can be opened, in a process of its own. */
const TRIAL = '/testBindingBinary.js'
const PASSED = `data:text/javascript,${encodeURIComponent('export async function testBindingBinary() { return true }')}`

/**
 * node-llama-cpp tries its binary before it opens it, each time, at the price of another process: 40 % of what a worker's start
 * takes. What was opened once on this machine is opened again without a trial; one that crashed all the same would end a worker,
 * which is a process of its own for that very reason. To be called before the library is imported, and for the CPU's binary
 * only: drivers of GPUs change without a word.
 *
 * @param folder where it is noted what was opened. `undefined` = it is tried each time.
 * @returns to be called once the library has opened its binary.
 */
export function tryBinaryOnce(folder: string | undefined): () => void {
  const binary = binaryIdentity()
  if (folder === undefined || binary === undefined) return () => {}
  const note = join(folder, `engine-opened-${binary}`)
  if (!existsSync(note)) return () => keepNote(note)
  registerHooks({
    resolve: (specifier, context, nextResolve) =>
      specifier.endsWith(TRIAL)
        ? { url: PASSED, format: 'module', shortCircuit: true }
        : nextResolve(specifier, context),
  })
  return () => {}
}

/** Of the binary and of what may make it fail. `undefined`: there is none, which the library tells better. */
function binaryIdentity(): string | undefined {
  const name = bundledPackage(process)?.name
  if (name === undefined) return undefined
  try {
    const path = fileURLToPath(import.meta.resolve(name))
    const { dev, ino, mtimeMs } = statSync(path)
    const parts = [path, dev, ino, mtimeMs, process.version, process.arch, release(), cpus()[0]?.model]
    return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16)
  } catch {
    return undefined
  }
}

/** Where it cannot be kept the next start takes as long as this one did. */
function keepNote(path: string): void {
  try {
    writeFileSync(path, '')
  } catch {
    return
  }
}
