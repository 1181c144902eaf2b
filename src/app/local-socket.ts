import { existsSync } from 'node:fs'
import { lstat, rm } from 'node:fs/promises'
import { connect, type Server } from 'node:net'
import { dirname } from 'node:path'
import { once } from 'node:events'
import { codeOf } from '../spec/error-code.ts'
import { resourceError } from '../spec/errors.ts'

/** Only the owner may write to a socket, which is what connecting takes. */
const OTHERS_MASK = 0o177

/**
 * Listens on a unix socket that only its user may open. One that a killed daemon left is removed first; closing the server
 * removes it. Rejects with `port-in-use` when somebody listens on it, `invalid-request` when it cannot be made.
 */
export async function listenOnSocket(server: Server, path: string): Promise<void> {
  if (process.platform === 'win32') {
    throw resourceError('invalid-request', `unix:${path}: there are no unix sockets here. Take it out of \`listen\`.`)
  }
  // Asked for beforehand: listening in a folder that is not there fails as if it were forbidden.
  if (!existsSync(dirname(path))) throw unusable(path, `there is no folder ${dirname(path)}`)
  await removeStaleSocket(path)
  const listening = once(server, 'listening')
  // It must not be open to others for a moment before its permissions are set.
  const mask = process.umask(OTHERS_MASK)
  try {
    server.listen(path)
  } finally {
    process.umask(mask)
  }
  try {
    await listening
  } catch (error) {
    const code = codeOf(error)
    if (code === 'EADDRINUSE') throw taken(path, error)
    throw unusable(path, `it cannot be made (${code})`, error)
  }
}

async function removeStaleSocket(path: string): Promise<void> {
  let found
  try {
    found = await lstat(path)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return
    throw error
  }
  if (!found.isSocket()) {
    throw unusable(path, 'something else stands there, and it is left alone')
  }
  if (await isAnswered(path)) throw taken(path)
  await rm(path, { force: true })
}

async function isAnswered(path: string): Promise<boolean> {
  const socket = connect(path)
  try {
    await once(socket, 'connect')
    return true
  } catch (error) {
    if (codeOf(error) === 'ECONNREFUSED' || codeOf(error) === 'ENOENT') return false
    throw error
  } finally {
    socket.destroy()
  }
}

function taken(path: string, cause?: unknown): Error {
  const message = `Another program listens on unix:${path}. Stop it, or take it out of \`listen\`.`
  return resourceError('port-in-use', message, { cause })
}

function unusable(path: string, why: string, cause?: unknown): Error {
  return resourceError('invalid-request', `unix:${path}: ${why}. Correct \`listen\` in grym.yaml.`, { cause })
}
