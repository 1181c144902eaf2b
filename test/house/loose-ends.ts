import { findAll, type Finding, type HouseRule, isCode, isTest, type SourceFile } from './source-file.ts'
import { maskSource } from './source-mask.ts'

/** The letters in brackets keep this file from finding itself. */
const PROMISES = /\b(?:T[O]DO|FI[X]ME|X[X]X|HA[C]K)\b/g
const ANY = /\bas\s+any\b|:\s*any\b|<\s*any\b|\bany\s*(?:\[\]|>)/g
const SILENCED = /@ts-(?:ignore|expect-error|nocheck)\b/g
const SKIPPED = /\b(?:it|test|describe|suite)(?:\.\w+)*\.(?:only|skip|skipIf|runIf|todo|fails)\b|\bctx\.skip\s*\(/g
const SWALLOWED = /\bcatch\s*(?:\([^)]*\)\s*)?\{\s*\}|\.catch\(\s*(?:\(\s*\w*\s*\)|\w+)\s*=>\s*\{\s*\}\s*\)/g

export const looseEnds: HouseRule = {
  name: 'loose-ends',
  promise: 'nothing is put off, silenced, skipped or swallowed',
  check: (files) => files.filter(({ path }) => isCode(path)).flatMap(checkFile),
}

function checkFile(file: SourceFile): Finding[] {
  const { code, comments } = maskSource(file.text)
  return [
    ...findAll(file, comments, PROMISES, 'put off'),
    ...findAll(file, code, ANY, 'a type given up'),
    // A test may prove that a wrong call does not compile.
    ...(isTest(file.path) ? [] : findAll(file, comments, SILENCED, 'a type error silenced')),
    ...findAll(file, code, SKIPPED, 'a test that does not run'),
    ...findAll(file, code, SWALLOWED, 'an error swallowed'),
  ]
}
