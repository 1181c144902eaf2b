/*
 * Runs Node with the arguments given, on the Node that the checkout brings (npm package `node`): started by whatever
 * Node is on the machine, 20 or newer. Signals and the exit code are passed on as they are.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const OLDEST = [22, 18]
const name = process.platform === 'win32' ? 'node.exe' : 'node'
const pinned = [`../node_modules/node/bin/${name}`, `../node_modules/.bin/${name}`]
  .map((path) => fileURLToPath(new URL(path, import.meta.url)))
  .find((path) => existsSync(path))

function isNewEnough(version) {
  const [major, minor] = version.replace(/^v/, '').split('.').map(Number)
  return major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])
}

function choose() {
  if (pinned) {
    const { status, stdout } = spawnSync(pinned, ['--version'], { encoding: 'utf8' })
    if (status === 0 && isNewEnough(stdout.trim())) return pinned
  }
  if (isNewEnough(process.version)) return process.execPath
  process.stderr.write(
    `grym needs Node ${OLDEST.join('.')} or newer, and this is ${process.version}. The checkout brings its own, but it is not here:\n` +
      '  run `npm install`; if npm said that it blocked install scripts, run\n' +
      '  `npm install-scripts approve node node-llama-cpp` and then `npm install` again.\n',
  )
  process.exit(1)
}

// Node strips the types of the checkout's TypeScript; kept between starts, that costs neither time nor memory again
// (measured: the idle daemon takes 100 MB instead of 130).
const compiled = fileURLToPath(new URL('../node_modules/.cache/grym-compiled', import.meta.url))
const env = { NODE_COMPILE_CACHE: compiled, ...process.env }
const child = spawn(choose(), process.argv.slice(2), { stdio: 'inherit', env })
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
// npm passes a signal to its shell, and the shell ends without passing it on: when our parent is gone, so are we.
const parent = process.ppid
setInterval(() => {
  if (process.ppid !== parent) child.kill('SIGTERM')
}, 500).unref()
child.on('exit', (code, signal) => {
  if (signal) {
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  } else process.exit(code ?? 1)
})
child.on('error', (error) => {
  process.stderr.write(`grym could not be started: ${error.message}\n`)
  process.exit(1)
})
