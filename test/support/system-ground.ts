import { readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

/** A text of `test/fixtures/system`; its README says where each comes from. */
export function systemText(name: string): string {
  return readFileSync(join(import.meta.dirname, '../fixtures/system', name), 'utf8')
}

/** A folder of its own for one test; it goes with `await using`. */
export class TemporaryFolder implements AsyncDisposable {
  readonly path: string

  private constructor(path: string) {
    this.path = path
  }

  static async make(files: Readonly<Record<string, string>> = {}): Promise<TemporaryFolder> {
    const folder = new TemporaryFolder(await mkdtemp(join(tmpdir(), 'grym-test-')))
    for (const [name, text] of Object.entries(files)) await folder.write(name, text)
    return folder
  }

  /** Path of something in it. */
  at(name: string): string {
    return join(this.path, name)
  }

  async write(name: string, text: string): Promise<void> {
    const path = this.at(name)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, text)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true })
  }
}
