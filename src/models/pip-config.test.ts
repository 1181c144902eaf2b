import { expect, test } from 'vitest'
import { indexUrlOfPipConfig, pipConfigPaths } from './pip-config.ts'

test.each([
  ['[global]\nindex-url = https://example.org/simple\n', 'https://example.org/simple'],
  ['[install]\nindex_url: https://example.org/simple', 'https://example.org/simple'],
  ['[global]\ntimeout = 5\n', undefined],
  ['[list]\nindex-url = https://example.org/simple', undefined],
  ['index-url = https://example.org/simple', undefined],
  ['', undefined],
])('%j names %j', (text, url) => {
  expect(indexUrlOfPipConfig(text)).toBe(url)
})

test('the user’s own file comes before the machine’s', () => {
  const paths = pipConfigPaths('/home/you', undefined)
  expect(paths[0]).toBe('/home/you/.config/pip/pip.conf')
  expect(paths.at(-1)).toBe('/etc/pip.conf')
  expect(pipConfigPaths('/home/you', '/elsewhere')[0]).toBe('/elsewhere/pip/pip.conf')
})
