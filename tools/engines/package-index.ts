import { homedir } from 'node:os'
import { indexUrlOfPipConfig, pipConfigPaths, PUBLIC_INDEX_URL } from '../../src/models/pip-config.ts'
import { readOptional } from '../../src/system/optional-file.ts'

/** The Python index of this machine: `PIP_INDEX_URL`, what pip is configured with, or the public one. */
export async function packageIndexUrl(): Promise<string> {
  const named = process.env['PIP_INDEX_URL']
  if (named) return named
  for (const path of pipConfigPaths(homedir(), process.env['XDG_CONFIG_HOME'])) {
    const text = await readOptional(path)
    const url = text === undefined ? undefined : indexUrlOfPipConfig(text)
    if (url !== undefined && URL.canParse(url)) return url
  }
  return PUBLIC_INDEX_URL
}
