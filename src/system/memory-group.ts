/** Where this process's memory group lies in the file system. */
export interface MemoryGroup {
  readonly version: 1 | 2
  /** Folders of the group and its ancestors, innermost first. */
  readonly folders: readonly string[]
}

/**
 * Finds the memory group from `/proc/self/cgroup` (cgroups(7)) and `/proc/self/mountinfo` (proc(5)). cgroup v1's memory
 * controller wins where both are mounted. `undefined` when there is none.
 */
export function findMemoryGroup(cgroupText: string, mountinfoText: string): MemoryGroup | undefined {
  const lines = cgroupText.split('\n').map((line) => /^(\d+):([^:]*):(.*)$/.exec(line.trim()))
  const v1 = lines.find((line) => line?.[2]?.split(',').includes('memory'))
  const v2 = lines.find((line) => line?.[1] === '0' && line[2] === '')
  const path = (v1 ?? v2)?.[3]
  const version = v1 ? 1 : 2
  const mount = mountinfoText
    .split('\n')
    .map(parseMount)
    .find((other) => other && isMemoryMount(other, version))
  if (path === undefined || !mount) return undefined
  // Inside a container the mount shows only a part of the hierarchy: its root is cut off the path.
  const inside = path === mount.root || path.startsWith(`${mount.root === '/' ? '' : mount.root}/`)
  const relative = inside && mount.root !== '/' ? path.slice(mount.root.length) : path
  return { version, folders: ancestors(mount.mountPoint, relative) }
}

interface Mount {
  readonly root: string
  readonly mountPoint: string
  readonly fileSystem: string
  readonly options: readonly string[]
}

function parseMount(line: string): Mount | undefined {
  const [before, after] = line.split(' - ')
  const fields = before?.split(' ') ?? []
  const tail = after?.split(' ') ?? []
  const [root, mountPoint] = [fields[3], fields[4]]
  if (root === undefined || mountPoint === undefined || tail[0] === undefined) return undefined
  return { root, mountPoint, fileSystem: tail[0], options: (tail[2] ?? '').split(',') }
}

function isMemoryMount({ fileSystem, options }: Mount, version: 1 | 2): boolean {
  return version === 1 ? fileSystem === 'cgroup' && options.includes('memory') : fileSystem === 'cgroup2'
}

function ancestors(mountPoint: string, path: string): string[] {
  const names = path.split('/').filter((name) => name !== '' && name !== '..')
  return Array.from({ length: names.length + 1 }, (_, cut) =>
    [mountPoint, ...names.slice(0, names.length - cut)].join('/'),
  )
}
