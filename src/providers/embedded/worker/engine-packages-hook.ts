import { existsSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

/**
 * Lets the engine's library find its packages in this folder's `node_modules`, before those that came with grym. It asks
 * for each by name, when it starts; what is not here is looked for as ever. Nothing is done where the folder is missing.
 */
export function useEnginePackages(folder: string | undefined): void {
  if (folder === undefined || !existsSync(folder)) return
  const parentURL = pathToFileURL(join(folder, 'worker.js')).href
  registerHooks({
    resolve(specifier, context, nextResolve) {
      const isHere =
        specifier.startsWith('@node-llama-cpp/') && existsSync(join(folder, 'node_modules', specifier, 'package.json'))
      return nextResolve(specifier, isHere ? { ...context, parentURL } : context)
    },
  })
}
