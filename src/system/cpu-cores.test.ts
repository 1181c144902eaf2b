import { availableParallelism } from 'node:os'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { systemText, TemporaryFolder } from '../../test/support/system-ground.ts'
import { coresOfCpuMax, coresOfQuota, usableCores } from './cpu-cores.ts'

describe('a quota of cgroup v1', () => {
  test.each([
    ['the recorded values of a group without one', -1, 100_000, undefined],
    ['two cores', 200_000, 100_000, 2],
    ['two and a half: rounded down', 250_000, 100_000, 2],
    ['half a core: at least 1', 50_000, 100_000, 1],
    ['a quota of nothing', 0, 100_000, undefined],
    ['a period of nothing', 100_000, 0, undefined],
    ['files that are not there', NaN, NaN, undefined],
  ])('%s', (_, quotaUs, periodUs, cores) => {
    expect(coresOfQuota(quotaUs, periodUs)).toBe(cores)
  })
})

describe('cpu.max of cgroup v2 (unverified: written from the kernel’s documentation)', () => {
  test.each([
    ['max 100000\n', undefined],
    ['400000 100000\n', 4],
    ['150000 100000\n', 1],
    ['1000 100000\n', 1],
    ['', undefined],
    ['400000', undefined],
    ['lots of 100000', undefined],
  ])('%j', (text, cores) => {
    expect(coresOfCpuMax(text)).toBe(cores)
  })

  test('any quota allows at least one core and never more than it pays for', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10_000_000 }),
        fc.integer({ min: 1_000, max: 1_000_000 }),
        (quota, period) => {
          const cores = coresOfCpuMax(`${quota} ${period}`) ?? NaN
          expect(cores).toBeGreaterThanOrEqual(1)
          expect(cores).toBeLessThanOrEqual(Math.max(1, quota / period))
        },
      ),
    )
  })
})

describe('the cores that may be used', () => {
  const unlimited = availableParallelism()

  test('are the process’s own where nothing tells of a quota', async () => {
    await using root = await TemporaryFolder.make()
    expect(usableCores(root.path)).toBe(unlimited)
  })

  test('recorded v1 group without a quota: all of them', async () => {
    await using root = await TemporaryFolder.make({
      'proc/self/cgroup': systemText('cgroup-v1.txt'),
      'sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1\n',
      'sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
    })
    expect(usableCores(root.path)).toBe(unlimited)
  })

  test('a v1 quota on the group or on an ancestor holds, in whichever group the process is', async () => {
    for (const folder of ['', 'box/', 'box/job/']) {
      await using root = await TemporaryFolder.make({
        'proc/self/cgroup': '1:cpu,cpuacct:/box/job\n2:memory:/elsewhere\n',
        [`sys/fs/cgroup/cpu/${folder}cpu.cfs_quota_us`]: '100000\n',
        [`sys/fs/cgroup/cpu/${folder}cpu.cfs_period_us`]: '100000\n',
      })
      expect(usableCores(root.path)).toBe(1)
    }
  })

  test('the v1 quota of another controller’s group is not ours', async () => {
    await using root = await TemporaryFolder.make({
      'proc/self/cgroup': '1:cpu:/mine\n2:memory:/other\n',
      'sys/fs/cgroup/cpu/other/cpu.cfs_quota_us': '100000\n',
      'sys/fs/cgroup/cpu/other/cpu.cfs_period_us': '100000\n',
    })
    expect(usableCores(root.path)).toBe(unlimited)
  })

  test('a v2 quota on an ancestor holds (unverified: written from the kernel’s documentation)', async () => {
    await using root = await TemporaryFolder.make({
      'proc/self/cgroup': systemText('cgroup-v2.txt'),
      'sys/fs/cgroup/user.slice/grym.service/cpu.max': 'max 100000\n',
      'sys/fs/cgroup/user.slice/cpu.max': '100000 100000\n',
    })
    expect(usableCores(root.path)).toBe(1)
  })

  test('garbage is no quota', async () => {
    await using root = await TemporaryFolder.make({
      'proc/self/cgroup': '\0\n1:cpu\n0::/a\n',
      'sys/fs/cgroup/a/cpu.max': '\0',
    })
    expect(usableCores(root.path)).toBe(unlimited)
  })
})
