import { installPythonClients, PYTHON_CLIENTS } from './clients/python-environment.ts'
import { MissingTool } from './engines/build-step.ts'

/*
 * Installs the Python clients that `npm run test:real` speaks to grym with, into a cache outside the checkout. What cannot
 * be had is told, and their tests say so.
 */

const names = `Python clients ${PYTHON_CLIENTS.join(', ')}`
try {
  const installed = await installPythonClients()
  if ('binary' in installed) process.stdout.write(`${names}: ${installed.binary}, ${installed.from}\n`)
} catch (error) {
  if (!(error instanceof MissingTool)) throw error
  process.stdout.write(`${names}: not tested: ${error.message}\n`)
}
