/** The public index, where nothing else is configured (https://packaging.python.org). */
export const PUBLIC_INDEX_URL = 'https://pypi.org/simple'

/** `index-url` of pip's configuration file: an INI file, sections `global` and `install` (pip: Configuration). */
export function indexUrlOfPipConfig(text: string): string | undefined {
  let section = ''
  let found: string | undefined
  for (const line of text.split('\n')) {
    const header = /^\s*\[([^\]]+)\]\s*$/.exec(line)
    if (header) section = header[1] ?? ''
    const value = /^\s*index[-_]url\s*[=:]\s*(\S+)\s*$/i.exec(line)?.[1]
    if (value !== undefined && (section === 'global' || section === 'install')) found = value
  }
  return found
}

/** Where pip looks for its configuration on Unix, the file that wins first. */
export function pipConfigPaths(homeFolder: string, xdgConfigHome: string | undefined): string[] {
  const config = xdgConfigHome || `${homeFolder}/.config`
  return [`${config}/pip/pip.conf`, `${homeFolder}/.pip/pip.conf`, '/etc/xdg/pip/pip.conf', '/etc/pip.conf']
}
