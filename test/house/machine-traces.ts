import { findAll, type HouseRule } from './source-file.ts'

/** A folder of one person's or one build's machine; `/home/you` stands for anyone's. */
const MACHINE_PATHS =
  /(?<![\w.~-])\/(?:home|Users)\/(?!you\b)[\w.-]+|(?<![\w.~/-])\/(?:root|work|workspace|builds)\/[\w.-]+|\b[A-Z]:\\{1,2}Users\\{1,2}(?!you\b)\w+/g
/** A text speaks of the software, not of how or by whom it was written. */
const ITS_MAKING =
  /\b(?:AI|LLM|coding|autonomous|helper|sub)[ -]?(?:agents?|sessions?)\b|\b(?:this|an earlier|the last|a previous|another|my) session\b|\bwork[p]laces?\b|\bprompted by\b|\bas an AI\b/gi

export const machineTraces: HouseRule = {
  name: 'machine-traces',
  promise: 'nothing tells on which machine or in which circumstances it was written',
  check: (files) =>
    files.flatMap((file) => [
      ...findAll(file, file.text, MACHINE_PATHS, 'a path of one machine'),
      ...findAll(file, file.text, ITS_MAKING, 'speaks of its making'),
    ]),
}
