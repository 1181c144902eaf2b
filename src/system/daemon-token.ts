import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomic } from './atomic-file.ts'
import { readOptional } from './optional-file.ts'

/*
 * `daemon.token`: what the tools of the user whose daemon it is send with their requests, so that they work where keys are
 * asked for. New at each start; only that user can read it.
 */

const TOKEN_BYTES = 32

export function daemonTokenPath(home: string): string {
  return join(home, 'daemon.token')
}

export function newDaemonToken(): string {
  return randomBytes(TOKEN_BYTES).toString('base64url')
}

export async function writeDaemonToken(home: string, token: string): Promise<void> {
  await writeFileAtomic(daemonTokenPath(home), `${token}\n`)
}

/** `undefined` = there is none. */
export async function readDaemonToken(home: string): Promise<string | undefined> {
  const text = (await readOptional(daemonTokenPath(home)))?.trim()
  return text === '' ? undefined : text
}

export async function removeDaemonToken(home: string): Promise<void> {
  await rm(daemonTokenPath(home), { force: true })
}
