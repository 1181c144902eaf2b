import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { CAPITAL, LONG_TALE, OVERLONG, SYSTEM, WEATHER_RESULT, WEATHER_SCHEMA } from './client-questions.ts'

const run = promisify(execFile)
const QUESTIONS = {
  system: SYSTEM,
  capital: CAPITAL,
  tale: LONG_TALE,
  overlong: OVERLONG,
  schema: WEATHER_SCHEMA,
  result: WEATHER_RESULT,
}
/** A program of checks takes seconds. */
const DEADLINE_MS = 240_000

/** What a check raised, as `test/fixtures/clients/report.py` tells it. */
export interface Raised {
  readonly raised: string
  readonly status: number | null
  readonly code: string | null
  readonly param: string | null
  readonly message: string
}

/**
 * Runs a program of `test/fixtures/clients` against a daemon. Returns what each of its checks returned or raised, by name;
 * rejects when the program itself breaks.
 */
export async function pythonChecks<Checks>(python: string, program: string, url: string): Promise<Checks> {
  const path = fileURLToPath(new URL(`../fixtures/clients/${program}`, import.meta.url))
  // -B: nothing is written beside the program.
  const { stdout } = await run(python, ['-B', path, url, JSON.stringify(QUESTIONS)], { timeout: DEADLINE_MS })
  return JSON.parse(stdout) as Checks
}
