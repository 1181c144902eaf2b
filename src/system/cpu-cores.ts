import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { readKernelFile } from './optional-file.ts'

/**
 * Cores' worth of time a CPU quota allows, rounded down but at least 1; `undefined` = no quota.
 *
 * @param cpuMax text of cgroup v2's `cpu.max`: `max 100000` or `quota period` (unverified: no such machine at hand).
 */
export function coresOfCpuMax(cpuMax: string): number | undefined {
  const [quota, period] = cpuMax.trim().split(/\s+/)
  return quota === 'max' ? undefined : coresOfQuota(Number(quota), Number(period))
}

/** The same from cgroup v1's `cpu.cfs_quota_us` (−1 = none) and `cpu.cfs_period_us`. */
export function coresOfQuota(quotaUs: number, periodUs: number): number | undefined {
  if (!(quotaUs > 0) || !(periodUs > 0)) return undefined
  return Math.max(1, Math.floor(quotaUs / periodUs))
}

/** Cores this process may really use: affinity (cpusets included) and the CPU quotas on its path. At least 1. */
export function usableCores(root = '/'): number {
  const quotas = process.platform === 'linux' ? quotaCores(root) : []
  return Math.max(1, Math.min(availableParallelism(), ...quotas))
}

function quotaCores(root: string): number[] {
  const cores: number[] = []
  for (const line of (readKernelFile(join(root, 'proc/self/cgroup')) ?? '').split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line.trim()) ?? []
    if (path === undefined || controllers === undefined) continue
    const isV1 = controllers.split(',').includes('cpu')
    if (!isV1 && controllers !== '') continue
    const mount = join(root, 'sys/fs/cgroup', isV1 ? 'cpu' : '')
    for (let folder = join(mount, path); folder.startsWith(mount); folder = dirname(folder)) {
      const found = isV1
        ? coresOfQuota(
            Number(readKernelFile(join(folder, 'cpu.cfs_quota_us'))),
            Number(readKernelFile(join(folder, 'cpu.cfs_period_us'))),
          )
        : coresOfCpuMax(readKernelFile(join(folder, 'cpu.max')) ?? 'max')
      if (found !== undefined) cores.push(found)
    }
  }
  return cores
}
