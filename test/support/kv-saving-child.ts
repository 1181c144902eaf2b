import { writeFile } from 'node:fs/promises'
import { NEW, stage, tokens } from './kv-ground.ts'

/* Saves a longer state of the same conversation and kills itself before the step that it is told: `home step`. */
const [home, killAt] = process.argv.slice(2)
const { cache } = await stage({}, home, undefined, (step) => {
  if (step === killAt) process.kill(process.pid, 'SIGKILL')
})
const draft = await cache.begin({ ...NEW, tokens: 600 })
if (!('path' in draft)) throw new Error(draft.message)
await writeFile(draft.path, 'new')
await draft.commit(tokens(600))
