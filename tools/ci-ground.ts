import { getLlama } from 'node-llama-cpp'

/*
 * What everything else stands on: the Node that the checkout brings, and the engine. A machine without them would
 * otherwise skip or misreport what follows.
 */
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < 22 || (major === 22 && minor < 18)) {
  throw new Error(
    `these scripts run on Node ${process.versions.node}: the package 'node' has no binary here. Run npm install-scripts approve node node-llama-cpp, then npm install again`,
  )
}
const llama = await getLlama({ build: 'never', gpu: false })
process.stdout.write(`Node ${process.versions.node}, llama.cpp ${llama.llamaCppRelease.release}\n`)
await llama.dispose()
