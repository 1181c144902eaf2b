import { appendFileSync, readFileSync } from 'node:fs'
import { relative } from 'node:path'

/** The parts of a vitest JSON report that are read here. */
interface Report {
  readonly numPassedTests?: number
  readonly numFailedTests?: number
  readonly numPendingTests?: number
  readonly numFailedTestSuites?: number
  readonly testResults?: readonly {
    readonly name: string
    readonly status: string
    readonly message?: string
    readonly assertionResults: readonly {
      readonly fullName: string
      readonly status: string
      readonly failureMessages: readonly string[]
    }[]
  }[]
}

/*
 * Reads a vitest JSON report for `.ci/run`: prints `passed failed`, and appends each failure to the file named second,
 * so that it can be told once more at the very end, where whoever sees only the tail of a long log looks. A report
 * without a single test that passed counts as a failure: a run that tests nothing must not look green. A skipped test
 * is one, too: on CI nothing may be skipped.
 */
const [reportPath = '', failuresPath = ''] = process.argv.slice(2)
const report = JSON.parse(readFileSync(reportPath, 'utf8')) as Report
const { numPassedTests = 0, numFailedTests = 0, numPendingTests = 0, numFailedTestSuites = 0 } = report
const brokenSuites = numFailedTests === 0 ? numFailedTestSuites : 0
const failed = numFailedTests + numPendingTests + brokenSuites + (numPassedTests === 0 ? 1 : 0)
process.stdout.write(`${numPassedTests} ${failed}\n`)

const shortMessageLines = 12
const told = (report.testResults ?? []).flatMap((file) => {
  const path = relative(process.cwd(), file.name)
  const tests = file.assertionResults
    .filter((test) => test.status !== 'passed')
    .map((test) => `${path} > ${test.fullName} (${test.status})\n${shortened(test.failureMessages.join('\n'))}`)
  const suite = tests.length === 0 && file.status === 'failed' ? [`${path}\n${shortened(file.message ?? '')}`] : []
  return [...tests, ...suite]
})
if (told.length > 0) appendFileSync(failuresPath, `${told.join('\n')}\n`)

function shortened(message: string): string {
  const lines = message.split('\n').slice(0, shortMessageLines)
  return lines.map((line) => `    ${line}`).join('\n')
}
