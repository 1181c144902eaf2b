import { findAll, type HouseRule, isCode, isTest } from './source-file.ts'
import { importsOf } from './imports.ts'
import { maskSource } from './source-mask.ts'

/** One room knows where values come from; every other one is handed them. To set a variable for a library is no read. */
export const environmentReads: HouseRule = {
  name: 'environment-reads',
  promise: 'only src/config reads the environment',
  check: (files) =>
    files
      .filter(({ path }) => path.startsWith('src/') && isCode(path) && !isTest(path) && !path.startsWith('src/config/'))
      .flatMap((file) => [
        ...findAll(
          file,
          maskSource(file.text).code,
          /\bprocess\s*(?:\?\.|\.)\s*env\b(?!\[\w+\] = )/g,
          'the environment is read',
        ),
        ...importsOf(file)
          .filter(({ specifier }) => specifier === 'node:process' || specifier === 'process')
          .map(({ line, specifier }) => ({ path: file.path, line, message: `hides a read of it: ${specifier}` })),
      ]),
}
