import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { placedPath, stateFolderOf, userHomeOf } from './state-folder.ts'

test.each<[NodeJS.Platform, Record<string, string>, string | undefined, string]>([
  ['linux', { HOME: '/h' }, undefined, join('/h', '.local', 'share', 'grym')],
  ['linux', { HOME: '/h', XDG_DATA_HOME: '/d' }, undefined, join('/d', 'grym')],
  ['linux', { HOME: '/h', XDG_DATA_HOME: '' }, undefined, join('/h', '.local', 'share', 'grym')],
  ['darwin', { HOME: '/h', XDG_DATA_HOME: '/d' }, undefined, join('/h', 'Library', 'Application Support', 'grym')],
  ['win32', { HOME: '/h' }, undefined, join('/h', 'AppData', 'Local', 'grym')],
  ['win32', { HOME: '/h', LOCALAPPDATA: '/l' }, undefined, join('/l', 'grym')],
  ['linux', { HOME: '/h' }, '/named', resolve('/named')],
  ['linux', { HOME: '/h' }, 'named', resolve('/work-in/named')],
])('on %s with %j and %s the state folder is %s', (platform, env, named, expected) => {
  expect(stateFolderOf(env, named, '/work-in', platform)).toBe(expected)
})

test('the user’s own folder is HOME, else what the system says', () => {
  expect([{ HOME: '/h' }, { HOME: '' }, {}].map(userHomeOf)).toEqual(['/h', homedir(), homedir()])
})

test.each([
  ['~', '/h'],
  ['~/a', join('/h', 'a')],
  ['~a', resolve('/f/~a')],
  ['a', resolve('/f/a')],
  ['../a', resolve('/a')],
  ['/a', resolve('/a')],
])('%s is put at %s', (written, expected) => {
  expect(placedPath(written, '/f', '/h')).toBe(expected)
})
