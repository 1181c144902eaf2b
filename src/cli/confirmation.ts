import { once } from 'node:events'
import { createInterface } from 'node:readline/promises'
import { resourceError } from '../spec/errors.ts'
import type { Context } from './context.ts'

/**
 * Asks a person. Throws `invalid-request` where nobody is there to be asked.
 *
 * @param what happens: `all conversations go`.
 */
export async function isConfirmed({ signal }: Context, what: string, question: string): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw resourceError('invalid-request', `Nobody is there to confirm that ${what}: add --yes.`)
  }
  // Not as an editor of lines, which would keep Ctrl-C to itself.
  const asking = createInterface({ input: process.stdin, output: process.stderr, terminal: false })
  const nothing = once(asking, 'close').then(() => '')
  try {
    const answer = await Promise.race([asking.question(question, { signal }), nothing])
    return answer.trim().toLowerCase() === 'yes'
  } finally {
    asking.close()
  }
}
