import { resourceError } from '../../../spec/errors.ts'
import type { EngineBackend, ExtraBackend } from '../../../spec/engine-packages.ts'

/** The version of node-llama-cpp, and of each package with binaries for it: one takes no other's. */
export const ENGINE_VERSION = '3.21.1'

/** A system as Node names it. */
export interface EngineMachine {
  readonly platform: string
  readonly arch: string
}

/** What a package of binaries is pinned to. Sizes and digests of the public registry's, checked by download. */
export interface EnginePackage {
  readonly name: string
  readonly tarballBytes: number
  /** Sum of its files. */
  readonly unpackedBytes: number
  /** SHA-512 of the tarball, base64, as npm writes it. */
  readonly integrity: string
}

interface BundledPackage {
  readonly name: string
  readonly backends: readonly EngineBackend[]
}

/** What comes with grym by system: its own optional dependencies. */
const BUNDLED_PACKAGES: Readonly<Record<string, BundledPackage>> = {
  'linux-x64': { name: '@node-llama-cpp/linux-x64', backends: ['cpu'] },
  'linux-arm64': { name: '@node-llama-cpp/linux-arm64', backends: ['cpu'] },
  'linux-arm': { name: '@node-llama-cpp/linux-armv7l', backends: ['cpu'] },
  'linux-riscv64': { name: '@node-llama-cpp/linux-riscv64', backends: ['cpu'] },
  'darwin-arm64': { name: '@node-llama-cpp/mac-arm64-metal', backends: ['cpu', 'metal'] },
  'darwin-x64': { name: '@node-llama-cpp/mac-x64', backends: ['cpu'] },
  'win32-x64': { name: '@node-llama-cpp/win-x64', backends: ['cpu'] },
  'win32-arm64': { name: '@node-llama-cpp/win-arm64', backends: ['cpu'] },
}

/**
 * What is installed apart by system; there are no such packages for any other one (node-llama-cpp 3.21.1). The one that
 * the engine asks for comes last, and without it the others are never looked at: a half-done installation is none.
 */
const EXTRA_PACKAGES: Readonly<Record<string, Readonly<Record<ExtraBackend, readonly EnginePackage[]>>>> = {
  'linux-x64': {
    cuda: [
      {
        name: '@node-llama-cpp/linux-x64-cuda-ext',
        tarballBytes: 176_679_086,
        unpackedBytes: 374_197_990,
        integrity: 'sha512-1PuURowccBcks3CCoMe1mTHh5vD0V5bFHMUEgtbI/OSDjpP+Pdbn+lf42CGUrepTzR8kCH1HovQ7d8q6/vuIKA==',
      },
      {
        name: '@node-llama-cpp/linux-x64-cuda',
        tarballBytes: 142_850_036,
        unpackedBytes: 188_693_843,
        integrity: 'sha512-idsE55VoD/FbvLhnBC9krUJaUoC0XnebseAAnCpm/brKf61HEbu+idgbb5eN6mxkjLSrHtILprJ0nDcUJjVrFg==',
      },
    ],
    vulkan: [
      {
        name: '@node-llama-cpp/linux-x64-vulkan',
        tarballBytes: 27_476_121,
        unpackedBytes: 84_483_299,
        integrity: 'sha512-flEeSzONQ6OIm5bYKLQf4eEnBzcC5WugFbyPUwkCqyyOFZ8pH0H9ulQ7ZNDLSIczeKneMRJornlyY1Hq7d3GDA==',
      },
    ],
  },
  'win32-x64': {
    cuda: [
      {
        name: '@node-llama-cpp/win-x64-cuda-ext',
        tarballBytes: 175_417_684,
        unpackedBytes: 367_830_717,
        integrity: 'sha512-L2MxLVEYPDDe4O8EDWPmX6brldc9+Vt9hNoT/anj3pSnmrjkQcmaoKhHs6oP5qhEhb5Uog0rj6lgzNGtJO3p9Q==',
      },
      {
        name: '@node-llama-cpp/win-x64-cuda',
        tarballBytes: 138_542_727,
        unpackedBytes: 175_510_346,
        integrity: 'sha512-PLz70neFEMkQTlmJqG1ujUtCSgHasLPMxQ9rLkqQVmZYAXqkRj+45TIHCjdn3XqUeaoun0vrO9rRaxZ8NVq9jg==',
      },
    ],
    vulkan: [
      {
        name: '@node-llama-cpp/win-x64-vulkan',
        tarballBytes: 26_619_567,
        unpackedBytes: 103_426_656,
        integrity: 'sha512-HJ237Azh5m4Sz+w3A1IU/fYLaSDOocskcfn2ILTgqTuuORCB86EMnu3Yt/XsNhRHTtEiwz1Q/E0mO4PLIbZLAA==',
      },
    ],
  },
}

/** What comes with grym on this system; `undefined` where llama.cpp has no binaries. */
export function bundledPackage({ platform, arch }: EngineMachine): BundledPackage | undefined {
  return BUNDLED_PACKAGES[`${platform}-${arch}`]
}

/** What can be installed apart on this system. */
export function extraPackages({ platform, arch }: EngineMachine): ReadonlyMap<ExtraBackend, readonly EnginePackage[]> {
  return new Map(Object.entries(EXTRA_PACKAGES[`${platform}-${arch}`] ?? {}) as [ExtraBackend, EnginePackage[]][])
}

/** The packages of a backend that a person asks for. Throws `engine-unavailable`. */
export function packagesOf(
  backend: string,
  machine: EngineMachine,
): { readonly backend: ExtraBackend; readonly packages: readonly EnginePackage[] } {
  const available = extraPackages(machine)
  for (const [name, packages] of available) if (name === backend) return { backend: name, packages }
  const system = `${machine.platform}-${machine.arch}`
  const bundled = bundledPackage(machine)
  if (bundled?.backends.some((name) => name === backend)) {
    throw resourceError('engine-unavailable', `'${backend}' comes with grym on ${system}; there is nothing to install.`)
  }
  const others = [...available.keys()].join(' and ')
  const choice = others === '' ? `Nothing can be installed apart on ${system}.` : `On ${system} there are ${others}.`
  throw resourceError('engine-unavailable', `There is no engine '${backend}' for ${system}. ${choice}`)
}
