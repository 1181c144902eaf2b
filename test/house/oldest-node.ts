import { findAll, type HouseRule, isCode, isTest } from './source-file.ts'
import { maskSource } from './source-mask.ts'

/** Node 22 cannot parse it; types are stripped there, and nothing else is changed. Tests run on the Node of the checkout. */
const USING = /^[ \t]*(?:await )?using \w+ =/gm

export const oldestNode: HouseRule = {
  name: 'oldest-node',
  promise: 'what users run parses on the oldest Node that the package promises',
  check: (files) =>
    files
      .filter(({ path }) => path.startsWith('src/') && isCode(path) && !isTest(path))
      .flatMap((file) => findAll(file, maskSource(file.text).code, USING, 'Node 22 does not know it')),
}
