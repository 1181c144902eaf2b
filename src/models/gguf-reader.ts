import { toErrorData } from '../spec/errors.ts'
import { parseGgufFile } from './gguf-metadata.ts'
import type { GgufAnswer } from './read-gguf-metadata.ts'

/* The process of `read-gguf-metadata.ts`: reads the file named on its command line, says what it found, and ends. */
const answer: GgufAnswer = await parseGgufFile(process.argv[2] ?? '').then(
  (metadata) => ({ metadata }),
  (error: unknown) => ({ error: toErrorData(error) }),
)
process.send?.(answer, () => process.disconnect())
