#!/usr/bin/env node
/* Plain JavaScript, so that an old Node can still say what is wrong. */
import { existsSync } from 'node:fs'

const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 22 || (major === 22 && minor < 18)) {
  process.stderr.write(
    `grym needs Node 22.18 or newer; this is ${process.versions.node}. See https://nodejs.org for a newer one.\n`,
  )
  process.exit(1)
}
// A checkout runs its sources, whatever was built from older ones; the package holds what was built.
const source = new URL('../src/cli/main.ts', import.meta.url)
const built = new URL('../dist/cli/main.js', import.meta.url)
const { listenForSignals, main } = await import(existsSync(source) ? source.href : built.href)
listenForSignals()
process.exitCode = await main(process.argv.slice(2))
