import { describe, expect, test } from 'vitest'
import { systemText } from '../../test/support/system-ground.ts'
import { findMemoryGroup } from './memory-group.ts'

const CGROUP_V1 = systemText('cgroup-v1.txt')
const MOUNTS_V1 = systemText('mountinfo-v1.txt')
const CGROUP_V2 = systemText('cgroup-v2.txt')
const MOUNTS_V2 = systemText('mountinfo-v2.txt')

describe('cgroup v1', () => {
  test('recorded: the memory controller’s group and its ancestors, innermost first', () => {
    expect(findMemoryGroup(CGROUP_V1, MOUNTS_V1)).toEqual({
      version: 1,
      folders: ['/sys/fs/cgroup/memory/containers/job-1', '/sys/fs/cgroup/memory/containers', '/sys/fs/cgroup/memory'],
    })
  })

  test('the process in the hierarchy’s root has one folder', () => {
    const inRoot = CGROUP_V1.replace('memory:/containers/job-1', 'memory:/')
    expect(findMemoryGroup(inRoot, MOUNTS_V1)?.folders).toEqual(['/sys/fs/cgroup/memory'])
  })

  test('controllers that share a hierarchy are told apart', () => {
    const cgroup = '4:cpu,memory,pids:/a\n'
    const mounts = '35 31 0:32 / /cg rw - cgroup cgroup rw,cpu,memory,pids\n'
    expect(findMemoryGroup(cgroup, mounts)).toEqual({ version: 1, folders: ['/cg/a', '/cg'] })
  })

  test('a controller whose name only contains "memory" is another one', () => {
    expect(findMemoryGroup('4:memoryish:/a\n', '35 31 0:32 / /cg rw - cgroup cgroup rw,memoryish\n')).toBeUndefined()
  })

  test('in a container, what its mount hides is cut off the path', () => {
    const mounts = MOUNTS_V1.replace('0:32 / /sys/fs/cgroup/memory', '0:32 /containers /sys/fs/cgroup/memory')
    expect(findMemoryGroup(CGROUP_V1, mounts)?.folders).toEqual([
      '/sys/fs/cgroup/memory/job-1',
      '/sys/fs/cgroup/memory',
    ])
    const whole = mounts.replace('0:32 /containers ', '0:32 /containers/job-1 ')
    expect(findMemoryGroup(CGROUP_V1, whole)?.folders).toEqual(['/sys/fs/cgroup/memory'])
  })

  test('a mount whose root only begins like the path is not its ancestor', () => {
    const mounts = MOUNTS_V1.replace('0:32 / /sys/fs/cgroup/memory', '0:32 /cont /sys/fs/cgroup/memory')
    expect(findMemoryGroup(CGROUP_V1, mounts)?.folders[0]).toBe('/sys/fs/cgroup/memory/containers/job-1')
  })

  test('a group outside of the namespace (`/../x`) never leads out of the mount', () => {
    const outside = CGROUP_V1.replace('/containers/job-1', '/../other')
    const folders = findMemoryGroup(outside, MOUNTS_V1)?.folders ?? []
    expect(folders).toEqual(['/sys/fs/cgroup/memory/other', '/sys/fs/cgroup/memory'])
  })
})

describe('cgroup v2 (unverified: written from the kernel’s documentation)', () => {
  test('the unified group and its ancestors, innermost first', () => {
    expect(findMemoryGroup(CGROUP_V2, MOUNTS_V2)).toEqual({
      version: 2,
      folders: ['/sys/fs/cgroup/user.slice/grym.service', '/sys/fs/cgroup/user.slice', '/sys/fs/cgroup'],
    })
  })

  test('where both are mounted, the v1 memory controller wins', () => {
    expect(findMemoryGroup(`${CGROUP_V2}${CGROUP_V1}`, `${MOUNTS_V2}${MOUNTS_V1}`)?.version).toBe(1)
  })

  test('where v1 has no memory controller, the unified one is taken', () => {
    const cgroup = CGROUP_V1.replace(/^4:memory.*\n/m, '')
    expect(findMemoryGroup(cgroup, MOUNTS_V1)).toEqual({ version: 2, folders: ['/sys/fs/cgroup/unified'] })
  })
})

describe('there is no group', () => {
  test.each([
    ['both texts are empty', '', ''],
    ['nothing is mounted', CGROUP_V1, ''],
    ['the process is in no group', '', MOUNTS_V1],
    ['only other controllers are there', '1:cpu:/\n9:name=systemd:/\n', MOUNTS_V1],
    ['the texts are garbage', 'a\0b:c\n::\n', ' - \n1 2 3 - \n\0'],
    ['the mount’s line is cut', CGROUP_V1, '35 31 0:32 / /sys/fs/cgroup/memory rw,relatime'],
    ['the mount’s line is cut after the dash', CGROUP_V1, '35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup'],
  ])('when %s', (_, cgroup, mountinfo) => {
    expect(findMemoryGroup(cgroup, mountinfo)).toBeUndefined()
  })
})
