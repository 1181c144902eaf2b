import type { GpuBackend } from './gpu.ts'

/** What a model is computed with. `metal` is macOS's, and comes with the CPU there. */
export type EngineBackend = 'cpu' | GpuBackend

/** A backend whose packages are installed apart (`grym engine install`). */
export type ExtraBackend = Extract<EngineBackend, 'cuda' | 'vulkan'>

/** What there is of one backend on this machine. */
export interface EngineListing {
  readonly backend: EngineBackend
  /**
   * `bundled`: came with grym. `installed`: by `grym engine install`. `npm`: into `node_modules`, by npm itself.
   * `available`: can be installed here. `missing`: should have come with grym, and did not.
   */
  readonly state: 'bundled' | 'installed' | 'npm' | 'available' | 'missing'
  /** Names of its packages. */
  readonly packages: readonly string[]
  readonly version: string
  /** On the disk: measured where it is, the package's own number where it would come. 0 when it is missing. */
  readonly sizeBytes: number
  /** What an installation fetches; 0 when nothing is to be fetched. */
  readonly downloadBytes: number
  /** Left in the state folder from other versions of the engine, measured; never used. */
  readonly leftoverBytes: number
}
