import { readFileSync } from 'node:fs'

/*
 * Prints `passed failed` of a vitest JSON report, for `.ci/run`. A report without a single test that passed counts as
 * a failure: a run that tests nothing must not look green. A skipped test is one, too: on CI nothing may be skipped.
 */
const report = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as Readonly<Record<string, number>>
const { numPassedTests = 0, numFailedTests = 0, numPendingTests = 0, numFailedTestSuites = 0 } = report
const brokenSuites = numFailedTests === 0 ? numFailedTestSuites : 0
const failed = numFailedTests + numPendingTests + brokenSuites + (numPassedTests === 0 ? 1 : 0)
process.stdout.write(`${numPassedTests} ${failed}\n`)
