import { readOptional } from './optional-file.ts'

/** The file's JSON, or `undefined` when it is absent or not JSON: what it held can be made anew. */
export async function readJsonFile(path: string): Promise<unknown> {
  const text = await readOptional(path)
  if (text === undefined) return undefined
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
