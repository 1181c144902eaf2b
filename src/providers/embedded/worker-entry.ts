import { fileURLToPath } from 'node:url'

/** The worker's entry point, beside this file: `.ts` in a checkout, `.js` in the built package. */
export function workerEntryPath(): string {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  return fileURLToPath(new URL(`./worker/main.${extension}`, import.meta.url))
}
